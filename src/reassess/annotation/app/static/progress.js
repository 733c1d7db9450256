// The progress of a rater: images done and left, the time needed for them, a summary at the end, and a hint to take a
// break, since tired people make more mistakes. Between responses of the server, the page updates the counts.
import { get } from "./server.js";

const IMAGES_PER_REQUEST = 10; // images between requests for progress
const summary = document.querySelector("#summary");

let progress = null; // the last response of the server, updated by the page
let imagesSinceResponse = 0;

// Fetch the progress; without a connection, the earlier response stays.
export async function fetchProgress() {
  try {
    progress = await get("progress");
  } catch {
    return;
  }
  imagesSinceResponse = 0;
  summary.textContent = summarize(progress);
}

// Count one more image; return whether the progress should be fetched again.
export function countImage() {
  if (progress) progress = { ...progress, done: progress.done + 1, left: Math.max(1, progress.left - 1) };
  imagesSinceResponse += 1;
  return imagesSinceResponse >= IMAGES_PER_REQUEST || !progress;
}

// Describe the images done and left; null if they are unknown.
export function describeProgress() {
  if (!progress) return null;
  const { done, left, pace } = progress;
  if (!left) return `${formatNumber(done)} done`;
  const time = pace === null ? "" : `, about ${formatDuration(left * pace)} at this pace`;
  return `${formatNumber(done)} done, at most ${formatNumber(left)} left for you${time}`;
}

function summarize({ done, answers, seconds, agreed, practised }) {
  if (!answers) return "";
  const time = seconds === null ? "" : ` in ${formatDuration(seconds)}`;
  const text = `You gave ${countNoun(answers, "answer")} about ${countNoun(done, "image")}${time}.`;
  if (!practised) return text;
  return `${text} In practice, you agreed with the experts on ${agreed} of ${countNoun(practised, "answer")}.`;
}

const formatNumber = (count) => count.toLocaleString("en");
const countNoun = (count, noun) => `${formatNumber(count)} ${noun}${count === 1 ? "" : "s"}`;

function formatDuration(seconds) {
  const minutes = Math.max(1, Math.round(seconds / 60));
  return minutes < 120 ? countNoun(minutes, "minute") : `${(minutes / 60).toFixed(1)} hours`;
}

const WORK_MINUTES = 30; // until the hint
const BREAK_MINUTES = 5; // without an answer, which count as a break
const MS_PER_MINUTE = 60_000;

const breakHint = document.querySelector("#break");
const hintText = breakHint.querySelector("p");

let workStart = null; // since the last break or hint
let lastAnswerTime = null;

// `notify` receives the text of a hint.
export function noteWork(notify) {
  const now = Date.now();
  if (workStart === null || now - lastAnswerTime >= BREAK_MINUTES * MS_PER_MINUTE) startWork(now);
  lastAnswerTime = now;
  if (!breakHint.hidden || now - workStart < WORK_MINUTES * MS_PER_MINUTE) return;
  hintText.textContent = `You have rated for ${WORK_MINUTES} minutes. Tired people make more mistakes: take a break of ${BREAK_MINUTES} minutes. Your answers are saved.`;
  breakHint.hidden = false;
  notify(hintText.textContent);
}

function startWork(now) {
  workStart = now;
  breakHint.hidden = true;
}

breakHint.querySelector("button").addEventListener("click", () => startWork(Date.now()));
