// The panels that replace an image, and the messages of the rating page.

const rating = document.querySelector("#rating");
const panels = [...document.querySelectorAll("[data-panel]")];
const [saving, notice, announcement] = ["#saving", "#notice", "#live"].map((selector) => document.querySelector(selector));
const NOTICE_MS = 8_000;

let timer = null; // of the notice

export function showRating() {
  for (const panel of panels) panel.hidden = true;
  rating.hidden = false;
}

export function showPanel(name) {
  rating.hidden = true;
  for (const panel of panels) panel.hidden = panel.dataset.panel !== name;
  const panel = document.querySelector(`[data-panel="${name}"]`);
  panel.querySelector("button")?.focus();
  announce(panel.querySelector("h2").textContent);
}

// Show an error after which the page must be reloaded.
export function showTrouble(text) {
  document.querySelector("#trouble").textContent = text;
  showPanel("trouble");
}

export const isRating = () => !rating.hidden;
export const isPanelShown = (name) => !document.querySelector(`[data-panel="${name}"]`).hidden;

export function showNotice(text) {
  clearTimeout(timer);
  notice.textContent = text;
  notice.hidePopover?.();
  if (!text) return;
  notice.showPopover?.(); // above an open dialog; older browsers show it on the page
  timer = setTimeout(() => showNotice(""), NOTICE_MS);
}

export function announce(text) {
  announcement.textContent = text;
}

// Show how many answers are not on the server; the rater can discard rejected answers.
export function showUnsent({ unsent, rejected }, outbox) {
  const texts = [];
  if (unsent && outbox.hasFailed) texts.push(`${countAnswers(unsent)} not sent yet`);
  if (rejected) texts.push(`The server rejected ${countAnswers(rejected)}.`);
  if (saving.firstChild?.textContent === texts.join(". ")) return;
  saving.replaceChildren(...(texts.length ? [texts.join(". ")] : []));
  if (rejected) saving.append(" ", discardButton(outbox));
}

const countAnswers = (count) => `${count} ${count === 1 ? "answer" : "answers"}`;

function discardButton(outbox) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "plain", textContent: "Discard" });
  button.addEventListener("click", () => outbox.discardRejected());
  return button;
}
