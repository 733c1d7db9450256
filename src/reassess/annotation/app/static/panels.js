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

// What the server has not got; what it refuses can be dropped.
export function showUnsent({ waiting, refused }, outbox) {
  const said = [];
  if (waiting && outbox.isLate) said.push(`${answers(waiting)} waiting`);
  if (refused) said.push(`${answers(refused)} ${refused === 1 ? "was" : "were"} not accepted by the server.`);
  if (saving.firstChild?.textContent === said.join(". ")) return;
  saving.replaceChildren(...(said.length ? [said.join(". ")] : []));
  if (refused) saving.append(" ", dropping(outbox));
}

const answers = (count) => `${count} ${count === 1 ? "answer" : "answers"}`;

function dropping(outbox) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "plain", textContent: "Drop" });
  button.addEventListener("click", () => outbox.drop());
  return button;
}
