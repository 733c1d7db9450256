// The time that an answer took, without the time when the page was hidden.

let since = performance.now();
let spent = 0;

document.addEventListener("visibilitychange", () => {
  if (document.hidden) spent += performance.now() - since;
  since = performance.now();
});

// Return the seconds since the last call.
export function lap() {
  const now = performance.now();
  const seconds = (spent + (document.hidden ? 0 : now - since)) / 1000;
  spent = 0;
  since = now;
  return Math.round(1000 * seconds) / 1000;
}
