// Only the tab that was opened last is active, so that a rater sees each image once.

// `left` is called when another tab becomes active, `returned` when the rater continues here.
export function watchTabs({ left, returned }) {
  const tabs = new BroadcastChannel(`reassess ${location.pathname}`);
  tabs.onmessage = left;
  const takeOver = () => tabs.postMessage("here");
  document.querySelector("#here").addEventListener("click", () => {
    takeOver();
    returned();
  });
  takeOver();
}
