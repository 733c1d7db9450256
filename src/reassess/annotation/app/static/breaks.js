// A hint to take a break, after a long time without a break: tired people make more mistakes.

const WORK_MINUTES = 30; // until the hint
const BREAK_MINUTES = 5; // without an answer, which count as a break
const MS_PER_MINUTE = 60_000;

const hint = document.querySelector("#break");
const text = hint.querySelector("p");

let workStart = null; // since the last break or hint
let lastAnswerTime = null;

// Note that the rater has answered; `notify` receives the text of a hint.
export function noteWork(notify) {
  const now = Date.now();
  if (workStart === null || now - lastAnswerTime >= BREAK_MINUTES * MS_PER_MINUTE) startWork(now);
  lastAnswerTime = now;
  if (!hint.hidden || now - workStart < WORK_MINUTES * MS_PER_MINUTE) return;
  text.textContent = `You have rated for ${WORK_MINUTES} minutes. Tired people make more mistakes: take a break of ${BREAK_MINUTES} minutes. Your answers are saved.`;
  hint.hidden = false;
  notify(text.textContent);
}

function startWork(now) {
  workStart = now;
  hint.hidden = true;
}

hint.querySelector("button").addEventListener("click", () => startWork(Date.now()));
