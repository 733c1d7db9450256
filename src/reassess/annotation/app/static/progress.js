// How far a rater is: images done and left, the time that these take, and a summary at the end.
//
// The server counts. Between its answers the page counts on, since each image is one less.
import { get } from "./server.js";

const EVERY = 10; // images between two answers of the server
const summary = document.querySelector("#summary");

let known = null; // the last answer of the server, counted on
let steps = 0; // images since

// Ask the server; without a connection, its earlier answer stays.
export async function renew() {
  try {
    known = await get("progress");
  } catch {
    return;
  }
  steps = 0;
  summary.textContent = summaryWords(known);
}

// Count one more image; return whether it is time to ask the server again.
export function step() {
  if (known) known = { ...known, done: known.done + 1, left: Math.max(1, known.left - 1) };
  steps += 1;
  return steps >= EVERY || !known;
}

// Images done and left; null if that is not known.
export function words() {
  if (!known) return null;
  const { done, left, pace } = known;
  if (!left) return `${number(done)} done`;
  const time = pace === null ? "" : `, about ${duration(left * pace)} at this pace`;
  return `${number(done)} done, at most ${number(left)} left for you${time}`;
}

function summaryWords({ done, answers, seconds, agreed, practised }) {
  if (!answers) return "";
  const time = seconds === null ? "" : ` in ${duration(seconds)}`;
  const own = `You gave ${many(answers, "answer")} about ${many(done, "image")}${time}.`;
  if (!practised) return own;
  return `${own} In practice, you agreed with the experts on ${agreed} of ${many(practised, "answer")}.`;
}

const number = (count) => count.toLocaleString("en");
const many = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

function duration(seconds) {
  const minutes = Math.max(1, Math.round(seconds / 60));
  return minutes < 120 ? many(minutes, "minute") : `${(minutes / 60).toFixed(1)} hours`;
}
