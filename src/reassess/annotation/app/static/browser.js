// What the browser keeps and measures: checkboxes, the active tab, and the time on the page.

// Restore the state of a checkbox, and save its changes.
export function rememberCheckbox(checkbox, name, isOn) {
  const key = `reassess ${name}`;
  checkbox.checked = (localStorage.getItem(key) ?? (isOn ? "on" : "off")) === "on";
  checkbox.addEventListener("change", () => localStorage.setItem(key, checkbox.checked ? "on" : "off"));
  return checkbox;
}

// Keep only the last opened tab active, so that a rater sees each image once. `onChange` receives false when another
// tab becomes active, and true when the rater continues in this tab.
export function watchTabs(onChange) {
  const tabs = new BroadcastChannel(`reassess ${location.pathname}`);
  tabs.onmessage = () => onChange(false);
  const takeOver = () => tabs.postMessage("here");
  document.querySelector("#here").addEventListener("click", () => {
    takeOver();
    onChange(true);
  });
  takeOver();
}

let visibleSince = performance.now();
let spentMs = 0;

document.addEventListener("visibilitychange", () => {
  if (document.hidden) spentMs += performance.now() - visibleSince;
  visibleSince = performance.now();
});

// Return the seconds since the last call, without the time when the page was hidden.
export function secondsSinceLastCall() {
  const now = performance.now();
  const seconds = (spentMs + (document.hidden ? 0 : now - visibleSince)) / 1000;
  spentMs = 0;
  visibleSince = now;
  return Math.round(1000 * seconds) / 1000;
}
