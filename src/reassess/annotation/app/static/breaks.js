// A hint to take a break, after a long time without a break: tired people make more mistakes.

const WORK = 30; // minutes of work until the hint
const REST = 5; // minutes without an answer that count as a break
const MINUTE = 60_000; // milliseconds

const hint = document.querySelector("#break");
const text = hint.querySelector("p");

let start = null; // of the work since the last break or hint
let last = null; // time of the last answer

// Note that the rater has answered; `notify` receives the text of a hint.
export function noteWork(notify) {
  const now = Date.now();
  if (start === null || now - last >= REST * MINUTE) restart(now);
  last = now;
  if (!hint.hidden || now - start < WORK * MINUTE) return;
  text.textContent = `You have rated for ${WORK} minutes. Tired people make more mistakes: take a break of ${REST} minutes. Your answers are saved.`;
  hint.hidden = false;
  notify(text.textContent);
}

function restart(now) {
  start = now;
  hint.hidden = true;
}

hint.querySelector("button").addEventListener("click", () => restart(Date.now()));
