// The progress of a rater: images done and left, the time needed for them, and a summary at the end. Between responses of
// the server, the page updates the counts.
import { get } from "./server.js";

const EVERY = 10; // images between requests for progress
const summary = document.querySelector("#summary");

let progress = null; // the last response of the server, updated by the page
let steps = 0; // images since that response

// Fetch the progress; without a connection, the earlier response stays.
export async function renew() {
  try {
    progress = await get("progress");
  } catch {
    return;
  }
  steps = 0;
  summary.textContent = summarize(progress);
}

// Count one more image; return whether the progress should be fetched again.
export function step() {
  if (progress) progress = { ...progress, done: progress.done + 1, left: Math.max(1, progress.left - 1) };
  steps += 1;
  return steps >= EVERY || !progress;
}

// Describe the images done and left; null if they are unknown.
export function describe() {
  if (!progress) return null;
  const { done, left, pace } = progress;
  if (!left) return `${number(done)} done`;
  const time = pace === null ? "" : `, about ${duration(left * pace)} at this pace`;
  return `${number(done)} done, at most ${number(left)} left for you${time}`;
}

function summarize({ done, answers, seconds, agreed, practised }) {
  if (!answers) return "";
  const time = seconds === null ? "" : ` in ${duration(seconds)}`;
  const text = `You gave ${many(answers, "answer")} about ${many(done, "image")}${time}.`;
  if (!practised) return text;
  return `${text} In practice, you agreed with the experts on ${agreed} of ${many(practised, "answer")}.`;
}

const number = (count) => count.toLocaleString("en");
const many = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

function duration(seconds) {
  const minutes = Math.max(1, Math.round(seconds / 60));
  return minutes < 120 ? many(minutes, "minute") : `${(minutes / 60).toFixed(1)} hours`;
}
