// Requests to the server, and the three ways they fail.

export const NO_CONNECTION = "No connection. Please try again in a moment.";
const PATIENCE = 20_000; // milliseconds

export class SignedOut extends Error {} // the session has ended, or belongs to somebody else
export class Refused extends Error {} // repeating the request would not help
export class Unreachable extends Error {} // it may work later

const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";

// The JSON answer to a request; with `keepalive` it is sent even if the page is closed meanwhile.
export async function post(route, content, options) {
  const response = await send(route, content, options);
  return response.status === 204 ? {} : bodyOf(response);
}

// The response to a request; an error if the server refuses it.
export async function send(route, content = {}, options = {}) {
  const response = await reach(route, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify(content),
    ...options,
  });
  if (response.ok) return response;
  const { error } = await bodyOf(response);
  throw response.status === 401 || response.status === 403 ? new SignedOut(error) : new Refused(error);
}

const bodyOf = (response) =>
  response.json().catch(() => {
    throw new Unreachable("the response is not the server's");
  });

export async function get(route) {
  const response = await reach(route);
  if (response.status === 401) throw new SignedOut();
  if (!response.ok) throw new Refused();
  return response.json();
}

// The response, with any status below 500; `Unreachable` if there is none, or the server failed.
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
