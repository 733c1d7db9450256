// What the page asks the server, and the three ways in which that fails.

const PATIENCE = 20_000; // milliseconds

export class SignedOut extends Error {} // the session has ended, or is of somebody else
export class Refused extends Error {} // to ask the same again changes nothing
export class Unreachable extends Error {} // later it may work

const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";

// What the server says to a request; with `keepalive` it is sent even if the page is closed meanwhile.
export async function post(route, content, options) {
  const response = await send(route, content, options);
  return response.status === 204 ? {} : said(response);
}

// The response to a request, unless it is refused.
export async function send(route, content = {}, options = {}) {
  const response = await reach(route, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify(content),
    ...options,
  });
  if (response.ok) return response;
  const { error } = await said(response);
  throw response.status === 401 || response.status === 403 ? new SignedOut(error) : new Refused(error);
}

const said = (response) =>
  response.json().catch(() => {
    throw new Unreachable("the answer is not the server's");
  });

export async function get(route) {
  const response = await reach(route);
  if (response.status === 401) throw new SignedOut();
  if (!response.ok) throw new Refused();
  return response.json();
}

// A response, of whatever status; `Unreachable` if there is none, or the server is in trouble.
export async function reach(route, { patience = PATIENCE, ...options } = {}) {
  let response;
  try {
    response = await fetch(route, { ...options, redirect: "error", signal: AbortSignal.timeout(patience) });
  } catch (error) {
    throw new Unreachable(error.message);
  }
  if (response.status >= 500) throw new Unreachable(`status ${response.status}`);
  return response;
}
