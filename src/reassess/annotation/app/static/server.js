// Requests to the server, and the three ways that a request can fail.

export const NO_CONNECTION = "No connection. Please try again in a moment.";
const TIMEOUT_MS = 20_000;

export class SignedOut extends Error {} // the session has ended, or belongs to somebody else
export class Refused extends Error {} // repeating the request would not help
export class Unreachable extends Error {} // the request may succeed later

const csrfToken = document.querySelector("meta[name=csrf]")?.content ?? "";

// Send a request, and return the JSON body of the response. With `keepalive`, the browser sends it even if the page
// closes.
export async function post(route, content, options) {
  const response = await send(route, content, options);
  return response.status === 204 ? {} : readBody(response);
}

// Send a request, and return the response; throw an error if the server refuses it.
export async function send(route, content = {}, options = {}) {
  const response = await request(route, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrfToken },
    body: JSON.stringify(content),
    ...options,
  });
  if (response.ok) return response;
  const { error } = await readBody(response);
  throw response.status === 401 || response.status === 403 ? new SignedOut(error) : new Refused(error);
}

const readBody = (response) =>
  response.json().catch(() => {
    throw new Unreachable("the response is not from this server");
  });

export async function get(route) {
  const response = await request(route);
  if (response.status === 401) throw new SignedOut();
  if (!response.ok) throw new Refused();
  return response.json();
}

// Return the response, with any status below 500; throw `Unreachable` without a response, or if the server failed.
export async function request(route, { timeoutMs = TIMEOUT_MS, ...options } = {}) {
  let response;
  try {
    response = await fetch(route, { ...options, redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    throw new Unreachable(error.message);
  }
  if (response.status >= 500) throw new Unreachable(`status ${response.status}`);
  return response;
}
