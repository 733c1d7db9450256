// Keep only the last opened tab active, so that a rater sees each image once.

// `onChange` receives false when another tab becomes active, and true when the rater continues in this tab.
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
