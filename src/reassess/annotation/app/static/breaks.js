// A hint to take a break, for a rater who has worked long without one: tired people make more mistakes.

const WORK = 30; // minutes of work until the hint
const REST = 5; // minutes without an answer that count as a break
const MINUTE = 60_000; // milliseconds

const hint = document.querySelector("#break");
const text = hint.querySelector("p");

let begun = null; // of the work since the last break or hint
let last = null;

// Note that the rater works; `told` gets the text of a hint.
export function noteWork(told) {
  const now = Date.now();
  if (begun === null || now - last >= REST * MINUTE) restart(now);
  last = now;
  if (!hint.hidden || now - begun < WORK * MINUTE) return;
  text.textContent = `You have rated for ${WORK} minutes. Tired people make more mistakes: take a break of ${REST} minutes. Your answers are saved.`;
  hint.hidden = false;
  told(text.textContent);
}

function restart(now) {
  begun = now;
  hint.hidden = true;
}

hint.querySelector("button").addEventListener("click", () => restart(Date.now()));
