// What the page says when it shows no picture, and beside one.

const rating = document.querySelector("#rating");
const panels = [...document.querySelectorAll("[data-panel]")];
const [saving, notice, live] = ["#saving", "#notice", "#live"].map((one) => document.querySelector(one));
const LONG = 8_000; // milliseconds

let timer = null;

export function showRating() {
  for (const panel of panels) panel.hidden = true;
  rating.hidden = false;
}

export function showPanel(name) {
  rating.hidden = true;
  for (const panel of panels) panel.hidden = panel.dataset.panel !== name;
  const shown = document.querySelector(`[data-panel="${name}"]`);
  shown.querySelector("button")?.focus();
  announce(shown.querySelector("h2").textContent);
}

export const isRating = () => !rating.hidden;
export const isShown = (name) => !document.querySelector(`[data-panel="${name}"]`).hidden;

// To be read, for a while.
export function tell(text) {
  clearTimeout(timer);
  notice.textContent = text;
  timer = setTimeout(() => (notice.textContent = ""), LONG);
}

// To be heard only.
export function announce(text) {
  live.textContent = text;
}

export function showWaiting(count, { isLate, refused }) {
  const waiting = `${count} ${count === 1 ? "answer" : "answers"} waiting`;
  const text = count && refused ? `${waiting}: ${refused}` : count && isLate ? waiting : "";
  if (saving.textContent !== text) saving.textContent = text;
}
