// The rating page: one image after another, with the classes that may be in it.
//
// The next image is fetched and decoded while the rater looks at this one. Each answer goes into the outbox at once.
// The previous image can be shown again; this one is put aside meanwhile.
import { ask as askForClass } from "./class_search.js";
import { lap } from "./clock.js";
import * as image from "./image.js";
import { listen, showShortcuts } from "./keys.js";
import { Outbox } from "./outbox.js";
import { announce, isRating, isShown, showNotice, showPanel, showRating, showUnsent } from "./panels.js";
import { Rows } from "./rows.js";
import { get, post, Refused, SignedOut } from "./server.js";
import { Turns } from "./turns.js";

const AGAIN = 30; // seconds until the server is asked again when it had no task
const LATE = 8; // seconds at most until the next try after a lost connection
const SLOW = 300; // milliseconds after which the page says that it is waiting
const NO_CONNECTION = "No connection. Please try again in a moment.";

const find = (selector) => document.querySelector(selector);
const PRACTICE = Number(find("meta[name=practice]").content); // images of the practice round
const next = find("#next");
const stage = find("#stage");

const classes = new Map();
const rows = new Rows(answer);
let outbox;
let turns;
let turn = null; // on the screen
let aside = null; // while the previous one is on the screen again
let timer = null;
let pause = 1;
let isBusy = false;
let isHere = true; // and not in another tab

// ---- from image to image

// Show the image that was on the screen, or else the next one, with no image in hand.
async function load() {
  clearTimeout(timer);
  [turn, aside] = [null, null];
  turns.forget();
  try {
    const found = await patiently(outbox.send().then(() => turns.stay()));
    pause = 1;
    if (!isHere) return;
    if (found.reason) {
      rest(found.reason);
      return;
    }
    show(found);
    if (!found.practice) turns.fetchAfter(found);
    else if (found.isOver) await reveal();
  } catch (error) {
    fail(error);
  }
}

// The result of a promise; the page says that it is waiting if that takes long.
async function patiently(promise) {
  const slow = setTimeout(() => isHere && showPanel("loading"), SLOW);
  try {
    return await promise;
  } finally {
    clearTimeout(slow);
  }
}

function rest(why) {
  showPanel(why);
  if (["experts", "waiting", "paused"].includes(why)) timer = setTimeout(load, 1000 * AGAIN);
}

function fail(error) {
  if (!isHere) return;
  if (error instanceof SignedOut) showPanel("signed-out");
  else if (error instanceof Refused) {
    find("#trouble").textContent = error.message;
    showPanel("trouble");
  } else {
    showNotice("");
    showPanel("offline");
    pause = Math.min(2 * pause, LATE);
    timer = setTimeout(load, 1000 * pause);
  }
}

async function goOn() {
  turns.finish();
  const sent = outbox.send();
  const before = aside;
  const ready = before ?? (await patiently(turns.fetched()));
  if (!isHere) return;
  if (!ready) {
    await load();
    return;
  }
  aside = null;
  show(ready);
  if (before) return;
  turns.forget();
  if (!ready.practice) turns.fetchAfter(ready, sent);
}

function show(shown) {
  turn = shown;
  if (!turn.isLast) turns.arrive(turn);
  showRating();
  image.show(turn.image);
  rows.show(turn, classes);
  stage.textContent = stageText();
  lap();
  update();
  announce(`Next image, ${rows.size}. ${stage.textContent}`);
}

function stageText() {
  const place = turn.number + 1;
  if (turn.practice) return `Practice: ${Math.min(place, PRACTICE)} of ${PRACTICE}`;
  return turn.isLast ? "Previous image: you can change your answers." : `Image ${place}`;
}

function update() {
  next.setAttribute("aria-disabled", String(!rows.isComplete));
  next.firstElementChild.textContent = turn.practice && !turn.isRevealed ? "Check answers" : "Next image";
}

// ---- what a rater does

function answer(row, value) {
  const one = turn.rows[row];
  if (turn.isRevealed) return;
  showNotice("");
  if (one.answer !== value) {
    one.spent += lap();
    const { question, revision } = one;
    outbox.put({ question, revision, answer: value, seconds: one.spent }).catch(showStorageError);
    one.revision += 1;
    one.answer = value;
  }
  rows.answer(row);
  update();
  if (rows.isComplete) announce("Every class has an answer. Press Enter to continue.");
}

function showStorageError() {
  find("#trouble").textContent = "This browser cannot save answers: its storage is full, or turned off for this page.";
  showPanel("trouble");
}

async function advance() {
  if (!rows.isComplete) {
    showNotice("Answer every class first.");
    rows.choose(turn.rows.findIndex((row) => row.answer === null));
  } else if (turn.practice && !turn.isRevealed) await reveal();
  else await goOn();
}

async function reveal() {
  if (!(await outbox.send())) return showNotice(NO_CONNECTION);
  const result = rows.reveal(await turns.truths(turn));
  turn.isRevealed = true;
  stage.textContent = `${stageText()}. ${result}`;
  update();
  rows.chooseDifferent();
  announce(`${result} Press Enter to continue.`);
  if (!turn.isLast) turns.fetchAfter(turn);
}

async function goBack() {
  if (turn?.isLast) return showNotice("You can go back by one image only.");
  if (!(await outbox.send())) return showNotice(NO_CONNECTION);
  const last = await turns.last(turn ? [turn.task] : []);
  if (!last) return showNotice("There is no image to go back to.");
  clearTimeout(timer);
  aside = turn;
  show({ ...last, isLast: true });
  if (turn.practice) await reveal();
}

function askSkip() {
  if (turn.isRevealed || (turn.isLast && rows.isComplete)) return showNotice("You have answered this image already.");
  find("#skip-image").returnValue = "";
  find("#skip-image").showModal();
}

async function sendSkip() {
  if (find("#skip-image").returnValue !== "skip") return;
  await post("skip", { task: turn.task });
  showNotice("Image skipped.");
  await goOn();
}

function suggest() {
  const { task, practice } = turn;
  find("#other-hint").textContent = practice
    ? "During practice, suggestions are only noted."
    : "Other raters will be asked about it.";
  const shown = new Set(turn.rows.map((row) => row.class));
  askForClass([...classes.values()], shown, async (id, name) => {
    try {
      await post("suggest", { task, class: id });
    } catch (error) {
      return error instanceof Refused ? error.message : NO_CONNECTION;
    }
    showNotice(practice ? `${name} is noted.` : `Thank you. Other raters will be asked about ${name}.`);
    return null;
  });
}

async function signOut() {
  if (!(await outbox.send())) return showNotice("Some answers are not sent yet. Please sign out once they are.");
  await post("sign-out");
  location.assign("sign-in");
}

async function agree() {
  await post("consent");
  await load();
}

// One thing at a time: other keys and buttons do nothing meanwhile.
async function once(work) {
  if (isBusy) return;
  isBusy = true;
  try {
    await work();
  } catch (error) {
    if (error instanceof SignedOut) fail(error);
    else showNotice(error instanceof Refused ? error.message : NO_CONNECTION);
  } finally {
    isBusy = false;
  }
}

// What the shortcuts of keys.js do, and the buttons with the same action.
const ACTIONS = {
  answer: (value) => answer(rows.current, value),
  next: () => once(advance),
  back: () => once(goBack),
  zoom: () => image.zoomIn(),
  suggest,
  skip: askSkip,
  choose: (row) => rows.choose(row),
  move: (key) => rows.choose(rows.current + (key ? 1 : -1)),
  help: () => find("#help").showModal(),
};

const canGoBack = () => isRating() || ["finished", "waiting", "paused"].some(isShown);

function isPossible(action) {
  if (action === "help") return true;
  return action === "back" ? canGoBack() : isRating();
}

function pressed(action, key, target) {
  if (!isPossible(action)) return false;
  if (action === "next" && !isBusy && !rows.isComplete && target.closest("button")) return false; // Enter presses it
  if (!isBusy || action === "help") ACTIONS[action](key);
  return true;
}

// ---- start

// Only the tab that was opened last is active, so that a rater sees each image once.
function watchTabs() {
  const tabs = new BroadcastChannel(`reassess ${location.pathname}`);
  tabs.onmessage = () => {
    clearTimeout(timer);
    isHere = false;
    showPanel("elsewhere");
  };
  const takeOver = () => tabs.postMessage("here");
  find("#here").addEventListener("click", () => {
    isHere = true;
    takeOver();
    load();
  });
  takeOver();
}

function watchButtons() {
  showShortcuts(find("#shortcuts"));
  for (const button of document.querySelectorAll("[data-action]")) {
    button.addEventListener("click", () => ACTIONS[button.dataset.action]());
  }
  const others = { "sign-out": () => once(signOut), agree: () => once(agree), reload: () => location.reload() };
  for (const [id, action] of Object.entries(others)) find(`#${id}`).addEventListener("click", action);
  find("#skip-image").addEventListener("close", () => once(sendSkip));
  listen(ACTIONS, pressed);
}

async function begin() {
  watchButtons();
  watchTabs();
  const person = find("meta[name=person]").content;
  try {
    outbox = await Outbox.open(person, {
      changed: (count) => showUnsent(count, outbox),
      signedOut: () => showPanel("signed-out"),
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
    for (const one of await get("classes")) classes.set(one.id, one);
  } catch (error) {
    fail(error);
    clearTimeout(timer);
    timer = setTimeout(start, 1000 * pause);
    return;
  }
  addEventListener("online", () => (isShown("offline") ? load() : outbox.send()));
  document.addEventListener("visibilitychange", () => document.hidden && outbox.hurry());
  await load();
}

begin();
