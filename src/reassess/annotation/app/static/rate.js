// The rating page: one image after another, with its classes. The next image is loaded ahead. Each answer goes into the
// outbox at once. While the rater looks at earlier images, the current one waits.
import { rememberCheckbox, secondsSinceLastCall, watchTabs } from "./browser.js";
import { suggest } from "./class_search.js";
import * as image from "./image.js";
import { listenForShortcuts, showShortcuts } from "./keys.js";
import { Outbox } from "./outbox.js";
import { announce, isRating, isPanelShown, showNotice, showPanel, showRating, showTrouble, showUnsent } from "./panels.js";
import * as progress from "./progress.js";
import { Rows } from "./rows.js";
import { get, NO_CONNECTION, post, Refused, SignedOut } from "./server.js";
import { Turns } from "./turns.js";
import * as zoom from "./zoom.js";

const RELOAD_SECONDS = 30; // seconds between requests while the server has no task for the rater
const MAX_RETRY_SECONDS = 8; // after a lost connection
const LOADING_PANEL_MS = 300; // milliseconds until the page shows that it is loading
const ADVANCE_MS = 250; // milliseconds to the next image, if the page advances automatically
const IGNORED_CLICKS_MS = 500; // milliseconds without clicks after that, for the second half of a double click
const MAX_IMAGES_BACK = 8;
const [NO, YES] = [0, 2];

const find = (selector) => document.querySelector(selector);
const N_PRACTICE_IMAGES = Number(find("meta[name=practice]").content); // images of the practice round
const next = find("#next");
const restButton = find("[data-action=rest]");
const stage = find("#stage");
const advanceCheckbox = rememberCheckbox(find("#advance"), "advance", false);

const classes = new Map();
const rows = new Rows((row, value) => answer([[row, value]]), zoomCurrent);
let outbox;
let turns;
let turn = null; // the turn on the screen
let laterTurns = []; // later turns that wait while an earlier one is on the screen; the last one is next
let timer = null;
let retrySeconds = 1;
let isBusy = false;
let clicksIgnoredUntil = 0;
let isActiveTab = true; // false while another tab is active

// Show the image that was on the screen before a reload, or else the next image.
async function loadTurn() {
  clearTimeout(timer);
  [turn, laterTurns] = [null, []];
  turns.discardFetched();
  try {
    const response = await withLoadingPanel(outbox.send().then(() => turns.fetchCurrent()));
    await withLoadingPanel(progress.fetchProgress()); // before the rater can answer
    retrySeconds = 1;
    if (!isActiveTab) return;
    if (response.reason) return showReason(response.reason);
    showTurn(response);
    if (!response.practice) turns.fetchAfter(response);
    else if (response.isOver) await reveal();
  } catch (error) {
    showFailure(error);
  }
}

async function withLoadingPanel(promise) {
  const slow = setTimeout(() => isActiveTab && showPanel("loading"), LOADING_PANEL_MS);
  try {
    return await promise;
  } finally {
    clearTimeout(slow);
  }
}

// Show why there is no task; some reasons may end, so try again later.
function showReason(reason) {
  zoom.close();
  showPanel(reason);
  if (["experts", "waiting", "paused"].includes(reason)) timer = setTimeout(loadTurn, 1000 * RELOAD_SECONDS);
}

function showFailure(error) {
  if (!isActiveTab) return;
  if (error instanceof SignedOut) showPanel("signed-out");
  else if (error instanceof Refused) showTrouble(error.message);
  else {
    showNotice("");
    showPanel("offline");
    retrySeconds = Math.min(2 * retrySeconds, MAX_RETRY_SECONDS);
    timer = setTimeout(loadTurn, 1000 * retrySeconds);
  }
}

async function goForward() {
  if (laterTurns.length) {
    outbox.send();
    return showTurn(laterTurns.pop());
  }
  const { isOver } = turn;
  turns.forgetTask();
  const ready = await withLoadingPanel(turns.waitForFetched());
  if (!isActiveTab) return;
  if (!ready) return loadTurn();
  turns.discardFetched();
  const sent = ready.practice ? outbox.send() : turns.fetchAfter(ready);
  if (!isOver && progress.countImage()) sent.then(progress.fetchProgress).then(showStage);
  showTurn(ready);
}

function showTurn(newTurn) {
  turn = newTurn;
  if (!turn.isLast) turns.rememberTask(turn);
  zoom.close();
  showRating();
  image.showImage(turn.image);
  rows.show(turn, classes);
  secondsSinceLastCall();
  showStage();
  updateButtons();
  if (turn.truths) showTruths();
  announce(`Next image, ${rows.size}. ${stage.textContent}`);
}

function showStage() {
  if (turn) stage.textContent = [stageText(), turn.result].filter(Boolean).join(". ");
}

function stageText() {
  const place = turn.number + 1;
  if (turn.practice) return `Practice: ${Math.min(place, N_PRACTICE_IMAGES)} of ${N_PRACTICE_IMAGES}`;
  if (!turn.isLast) return progress.describeProgress() ?? `Image ${place}`;
  const steps = 1 + laterTurns.filter(({ isLast }) => isLast).length;
  return `${steps === 1 ? "Previous image" : `${steps} images back`}: you can change your answers.`;
}

function updateButtons() {
  next.setAttribute("aria-disabled", String(!rows.isComplete));
  restButton.hidden = Boolean(turn.truths);
  next.firstElementChild.textContent = turn.practice && !turn.truths ? "Check answers" : "Next image";
}

// The enlarged view also shows the current class.
function zoomCurrent() {
  zoom.setRow(turn.truths ? null : rows.currentRow);
}

// Set the answers of some rows; they share the time since the last answer equally.
function answer(pairs) {
  if (turn.truths) return;
  showNotice("");
  const wasComplete = rows.isComplete;
  const changed = pairs.filter(([row, value]) => turn.rows[row].answer !== value);
  const seconds = changed.length ? Math.round((1000 * secondsSinceLastCall()) / changed.length) / 1000 : 0;
  for (const [row, value] of changed) saveAnswer(turn.rows[row], value, seconds);
  turn.current = pairs.at(-1)[0]; // becomes the current row again if the rater comes back
  rows.answer(pairs.map(([row]) => row));
  updateButtons();
  progress.noteWork(announce);
  if (!rows.isComplete) return;
  announce("Every class has an answer. Press Enter to continue.");
  if (advanceCheckbox.checked && !wasComplete && !turn.isLast) runAlone(advanceSoon);
}

function saveAnswer(row, value, seconds) {
  row.spent += seconds;
  const { question, revision } = row;
  outbox.add({ question, revision, answer: value, seconds: row.spent }).catch(showStorageError);
  row.revision += 1;
  row.answer = value;
}

// Answer no for every class without an answer. If `yesRow` is given, answer yes for that row.
function answerRest(yesRow = null) {
  const noes = rows.open.filter((row) => row !== yesRow).map((row) => [row, NO]);
  const pairs = yesRow === null ? noes : [...noes, [yesRow, YES]];
  if (pairs.length) answer(pairs);
}

// Keys are ignored during the wait, and clicks for longer, so that a surplus one does not answer for the next image.
async function advanceSoon() {
  await new Promise((done) => setTimeout(done, ADVANCE_MS));
  await advance();
  clicksIgnoredUntil = performance.now() + IGNORED_CLICKS_MS;
}

const showStorageError = () =>
  showTrouble("This browser cannot save answers: its storage is full, or turned off for this page.");

async function advance() {
  if (!rows.isComplete) {
    showNotice("Answer every class first.");
    rows.choose(rows.open[0]);
  } else if (turn.practice && !turn.truths) await reveal();
  else await goForward();
}

async function reveal() {
  if (!(await outbox.send()).isSent) return showNotice(NO_CONNECTION);
  turn.truths = await turns.fetchTruths(turn);
  showTruths();
  announce(`${turn.result} Press Enter to continue.`);
  if (!turn.isLast) turns.fetchAfter(turn);
}

function showTruths() {
  turn.result = rows.reveal(turn.truths);
  showStage();
  updateButtons();
  rows.chooseDifferent();
}

async function goBack() {
  if (laterTurns.length >= MAX_IMAGES_BACK) return showNotice(`You can go back at most ${MAX_IMAGES_BACK} images.`);
  if (!(await outbox.send()).isSent) return showNotice(NO_CONNECTION);
  const last = await turns.fetchLast([...laterTurns, turn].filter(Boolean).map(({ task }) => task));
  if (!last) return showNotice("There is no image to go back to.");
  clearTimeout(timer);
  if (turn) laterTurns.push(turn);
  showTurn({ ...last, isLast: true });
  if (turn.practice) await reveal();
}

function askSkip() {
  if (turn.truths || (turn.isLast && rows.isComplete)) return showNotice("You have already answered this image.");
  find("#skip-image").returnValue = "";
  find("#skip-image").showModal();
}

async function sendSkip() {
  if (find("#skip-image").returnValue !== "skip") return;
  await post("skip", { task: turn.task });
  showNotice("Image skipped.");
  await goForward();
}

async function signOut() {
  const { isSent } = await outbox.send();
  if (!isSent) return showNotice("Some answers are not sent yet. Please sign out after they are sent.");
  await post("sign-out");
  location.assign("sign-in");
}

async function agree() {
  await post("consent");
  await loadTurn();
}

// Run one action at a time.
async function runAlone(work) {
  if (isBusy) return;
  isBusy = true;
  try {
    await work();
  } catch (error) {
    if (error instanceof SignedOut) showFailure(error);
    else showNotice(error instanceof Refused ? error.message : NO_CONNECTION);
  } finally {
    isBusy = false;
  }
}

// The functions of the shortcuts in keys.js, and of the buttons with the same action.
const ACTIONS = {
  answer: (value) => answer([[rows.current, value]]),
  rest: () => answerRest(),
  only: () => answerRest(rows.current),
  next: () => runAlone(advance),
  back: () => runAlone(goBack),
  zoom: () => zoom.toggle(),
  enlarge: (key) => zoom.enlarge(key ? -1 : 1),
  pan: (key) => zoom.pan(...[[-1, 0], [0, -1], [0, 1], [1, 0]][key]),
  whole: zoom.showWhole,
  suggest: () => suggest(turn, classes),
  skip: askSkip,
  choose: (row) => rows.choose(row),
  move: (key) => rows.choose(rows.current + (key ? 1 : -1)),
  help: () => find("#help").showModal(),
};

const BETWEEN = ["finished", "waiting", "paused"]; // panels from which a rater can go back
const isPossible = (action) => action === "help" || isRating() || (action === "back" && BETWEEN.some(isPanelShown));

function onShortcut(action, key, target) {
  if (!isPossible(action)) return false;
  if (action === "next" && !isBusy && !rows.isComplete && target.closest("button")) return false; // Enter presses it
  if (!isBusy || action === "help" || action === "whole") ACTIONS[action](key);
  return true;
}

function setActiveTab(isActive) {
  isActiveTab = isActive;
  clearTimeout(timer);
  zoom.close();
  if (isActiveTab) loadTurn();
  else showPanel("elsewhere");
}

function watchButtons() {
  showShortcuts(find("#shortcuts"));
  addEventListener("click", (event) => {
    if (event.detail && performance.now() < clicksIgnoredUntil) event.stopPropagation(); // without detail: not by a pointer
  }, true);
  for (const button of document.querySelectorAll("[data-action]")) {
    button.addEventListener("click", () => ACTIONS[button.dataset.action]());
  }
  const buttons = { "sign-out": () => runAlone(signOut), agree: () => runAlone(agree), reload: () => location.reload() };
  for (const [id, action] of Object.entries(buttons)) find(`#${id}`).addEventListener("click", action);
  find("#skip-image").addEventListener("close", () => runAlone(sendSkip));
  zoom.watch((value) => answer([[rows.current, value]]), () => isRating() && rows.choose(rows.current));
  listenForShortcuts(ACTIONS, onShortcut);
}

async function begin() {
  watchButtons();
  watchTabs(setActiveTab);
  const person = find("meta[name=person]").content;
  try {
    outbox = await Outbox.open(person, {
      onChange: (counts) => showUnsent(counts, outbox),
      onSignedOut: () => showPanel("signed-out"),
    });
  } catch {
    showStorageError();
    return;
  }
  turns = new Turns(outbox, person);
  await start();
}

async function start() {
  try {
    for (const info of await get("classes")) classes.set(info.id, info);
  } catch (error) {
    showFailure(error);
    clearTimeout(timer);
    timer = setTimeout(start, 1000 * retrySeconds);
    return;
  }
  addEventListener("online", () => (isPanelShown("offline") ? loadTurn() : outbox.send()));
  document.addEventListener("visibilitychange", () => document.hidden && outbox.sendBeforeClosing());
  await loadTurn();
}

begin();
