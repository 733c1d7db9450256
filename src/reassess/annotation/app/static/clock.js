// The time that an answer took, without the time when the page was hidden.

let visibleSince = performance.now();
let spentMs = 0;

document.addEventListener("visibilitychange", () => {
  if (document.hidden) spentMs += performance.now() - visibleSince;
  visibleSince = performance.now();
});

// Return the seconds since the last call.
export function secondsSinceLastCall() {
  const now = performance.now();
  const seconds = (spentMs + (document.hidden ? 0 : now - visibleSince)) / 1000;
  spentMs = 0;
  visibleSince = now;
  return Math.round(1000 * seconds) / 1000;
}
