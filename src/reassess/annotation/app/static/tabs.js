// Only the tab that was opened last is active, so that a rater sees each image once.

// `changed` gets false when another tab becomes active, and true when the rater continues here.
export function watchTabs(changed) {
  const tabs = new BroadcastChannel(`reassess ${location.pathname}`);
  tabs.onmessage = () => changed(false);
  const takeOver = () => tabs.postMessage("here");
  document.querySelector("#here").addEventListener("click", () => {
    takeOver();
    changed(true);
  });
  takeOver();
}
