// The panels that replace an image, and messages beside it.

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

// Show what is wrong, when nothing can be done but to load the page again.
export function showTrouble(text) {
  document.querySelector("#trouble").textContent = text;
  showPanel("trouble");
}

export const isRating = () => !rating.hidden;
export const isShown = (name) => !document.querySelector(`[data-panel="${name}"]`).hidden;

// Show a message for a while.
export function showNotice(text) {
  clearTimeout(timer);
  notice.textContent = text;
  notice.hidePopover?.();
  if (!text) return;
  notice.showPopover?.(); // above an open dialog; older browsers show it on the page
  timer = setTimeout(() => showNotice(""), LONG);
}

// For screen readers only.
export function announce(text) {
  live.textContent = text;
}

// Show the number of answers that are not on the server; rejected ones can be discarded.
export function showUnsent({ waiting, refused }, outbox) {
  const texts = [];
  if (waiting && outbox.isLate) texts.push(`${answers(waiting)} not sent yet`);
  if (refused) texts.push(`The server rejected ${answers(refused)}.`);
  if (saving.firstChild?.textContent === texts.join(". ")) return;
  saving.replaceChildren(...(texts.length ? [texts.join(". ")] : []));
  if (refused) saving.append(" ", discardButton(outbox));
}

const answers = (count) => `${count} ${count === 1 ? "answer" : "answers"}`;

function discardButton(outbox) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "plain", textContent: "Discard" });
  button.addEventListener("click", () => outbox.discard());
  return button;
}
