// What the page asks the server, and the three ways in which that fails.

const PATIENCE = 20_000; // milliseconds

export class SignedOut extends Error {} // the session has ended, or is of somebody else
export class Refused extends Error {} // to ask the same again changes nothing
export class Unreachable extends Error {} // later it may work

const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";

// The answer to a request; with `keepalive` it is sent even if the page is closed meanwhile.
export async function post(route, content = {}, { keepalive = false } = {}) {
  const response = await reach(route, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify(content),
    keepalive,
  });
  if (response.status === 204) return {};
  const said = await response.json().catch(() => {
    throw new Unreachable("the answer is not the server's");
  });
  if (response.status === 401 || response.status === 403) throw new SignedOut(said.error);
  if (!response.ok) throw new Refused(said.error);
  return said;
}

export async function get(route) {
  const response = await reach(route);
  if (response.status === 401) throw new SignedOut();
  if (!response.ok) throw new Refused();
  return response.json();
}

// A response, of whatever status; `Unreachable` if there is none, or the server is in trouble.
export async function reach(route, options = {}) {
  let response;
  try {
    response = await fetch(route, { ...options, redirect: "error", signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    throw new Unreachable(error.message);
  }
  if (response.status >= 500) throw new Unreachable(`status ${response.status}`);
  return response;
}
