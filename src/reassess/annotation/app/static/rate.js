// The page of a rater: one picture after the other, with the classes that may be in it.
//
// The next picture is asked for and decoded while a rater looks at this one. Answers go into the outbox when they are
// given. The last picture can be shown again: this one is put aside meanwhile.
import { ask as askForClass } from "./class_search.js";
import { lap } from "./clock.js";
import { listen } from "./keys.js";
import { Outbox } from "./outbox.js";
import { announce, isRating, isShown, showPanel, showRating, showUnsent, tell } from "./panels.js";
import * as picture from "./picture.js";
import { Rows } from "./rows.js";
import { get, post, Refused, SignedOut } from "./server.js";
import { Turns } from "./turns.js";

const AGAIN = 30; // seconds until the server is asked again when there is nothing
const LATE = 8; // seconds at most until it is, if it was not reached
const SLOW = 300; // milliseconds after which the page says that it waits
const NO_CONNECTION = "There is no connection. Please try again in a moment.";

const find = (selector) => document.querySelector(selector);
const PRACTICE = Number(find("meta[name=practice]").content); // pictures of the practice round
const next = find("#next");
const stage = find("#stage");

const classes = new Map();
const rows = new Rows(answer);
let outbox;
let turns;
let turn = null; // on the screen
let aside = null; // while the last one is on the screen again
let timer = null;
let pause = 1;
let isBusy = false;
let isHere = true; // and not in another tab

// ---- from picture to picture

// Show what was on the screen, or is next, with nothing in hand.
async function look() {
  clearTimeout(timer);
  [turn, aside] = [null, null];
  turns.forget();
  try {
    const found = await patiently(outbox.send().then(() => turns.stay()));
    pause = 1;
    if (!isHere) return;
    if (found.nothing) {
      rest(found.nothing);
      return;
    }
    show(found);
    if (!found.practice) turns.fetchAfter(found);
    else if (found.isOver) await reveal();
  } catch (error) {
    fail(error);
  }
}

// What is waited for; the page says so when it takes long.
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
  if (why === "waiting" || why === "paused") timer = setTimeout(look, 1000 * AGAIN);
}

function fail(error) {
  if (!isHere) return;
  if (error instanceof SignedOut) showPanel("ended");
  else if (error instanceof Refused) {
    find("#trouble").textContent = error.message;
    showPanel("trouble");
  } else {
    tell("");
    showPanel("offline");
    pause = Math.min(2 * pause, LATE);
    timer = setTimeout(look, 1000 * pause);
  }
}

async function goOn() {
  turns.leave();
  const sent = outbox.send();
  const before = aside;
  const ready = before ?? (await patiently(turns.fetched()));
  if (!isHere) return;
  if (!ready) {
    await look();
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
  picture.show(turn.image);
  rows.show(turn, classes);
  stage.textContent = said();
  lap();
  update();
  announce(`Next picture, ${rows.said}. ${stage.textContent}`);
}

function said() {
  const place = turn.number + 1;
  if (turn.practice) return `Practice: ${Math.min(place, PRACTICE)} of ${PRACTICE}`;
  return turn.isLast ? "Your last picture: change what you want, then go on." : `Picture ${place}`;
}

function update() {
  next.setAttribute("aria-disabled", String(!rows.isComplete));
  next.firstElementChild.textContent = turn.practice && !turn.isRevealed ? "Show what is right" : "Next picture";
}

// ---- what a rater does

function answer(row, value) {
  const one = turn.rows[row];
  if (turn.isRevealed) return;
  tell("");
  if (one.answer !== value) {
    one.spent += lap();
    const { question, revision } = one;
    outbox.put({ question, revision, answer: value, seconds: one.spent }).catch(lose);
    one.revision += 1;
    one.answer = value;
  }
  rows.answer(row);
  update();
  if (rows.isComplete) announce("All classes have an answer. Press Enter to go on.");
}

function lose() {
  find("#trouble").textContent = "This browser cannot keep answers: its storage is full, or turned off for this page.";
  showPanel("trouble");
}

async function advance() {
  if (!rows.isComplete) {
    tell("A class has no answer yet.");
    rows.choose(turn.rows.findIndex((row) => row.answer === null));
  } else if (turn.practice && !turn.isRevealed) await reveal();
  else await goOn();
}

async function reveal() {
  if (!(await outbox.send())) return tell(NO_CONNECTION);
  const told = rows.reveal(await turns.truths(turn));
  turn.isRevealed = true;
  stage.textContent = `${said()}. ${told}`;
  update();
  rows.chooseOther();
  announce(`${told} Press Enter to go on.`);
  if (!turn.isLast) turns.fetchAfter(turn);
}

async function goBack() {
  if (turn?.isLast) return tell("You can go back by one picture only.");
  if (!(await outbox.send())) return tell(NO_CONNECTION);
  const last = await turns.last(turn ? [turn.task] : []);
  if (!last) return tell("There is no picture to go back to.");
  clearTimeout(timer);
  aside = turn;
  show({ ...last, isLast: true });
  if (turn.practice) await reveal();
}

function giveUp() {
  if (turn.isRevealed || (turn.isLast && rows.isComplete)) return tell("You have answered this picture already.");
  find("#judge").returnValue = "";
  find("#judge").showModal();
}

async function sendUnfit() {
  if (find("#judge").returnValue !== "unfit") return;
  await post("unfit", { task: turn.task });
  tell("Thank you: the picture is noted.");
  await goOn();
}

function suggest() {
  const { task, practice } = turn;
  find("#other-hint").textContent = practice
    ? "In the practice round it is noted, and nobody is asked about it."
    : "Others will be asked whether it is there.";
  const shown = new Set(turn.rows.map((row) => row.class));
  askForClass([...classes.values()], shown, async (id, name) => {
    try {
      await post("suggest", { task, class: id });
    } catch (error) {
      return error instanceof Refused ? error.message : NO_CONNECTION;
    }
    tell(practice ? `Thank you: ${name} is noted.` : `Thank you. Others will be asked about ${name}.`);
    return null;
  });
}

async function leave() {
  if (!(await outbox.send())) return tell("Answers are still waiting. Please leave when they have been sent.");
  await post("leave");
  location.assign("enter");
}

async function agree() {
  await post("consent");
  await look();
}

// One thing at a time: what is pressed meanwhile is passed over.
async function once(work) {
  if (isBusy) return;
  isBusy = true;
  try {
    await work();
  } catch (error) {
    if (error instanceof SignedOut) fail(error);
    else tell(error instanceof Refused ? error.message : NO_CONNECTION);
  } finally {
    isBusy = false;
  }
}

const canGoBack = () => isRating() || ["finished", "waiting", "paused"].some(isShown);

function pressed(key, target) {
  if (key === "?") find("#help").showModal();
  else if (key === "u" && canGoBack()) once(goBack);
  else if (!isRating()) return false;
  else if (isBusy) return true;
  else if (key === "up") rows.choose(rows.current - 1);
  else if (key === "down") rows.choose(rows.current + 1);
  else if (key === "z") picture.look();
  else if (key === "s") suggest();
  else if (key === "c") giveUp();
  else if ("nmy".includes(key)) answer(rows.current, "nmy".indexOf(key));
  else if (key !== "enter") rows.choose(Number(key) - 1);
  else if (!rows.isComplete && target.closest("button")) return false; // it is the button that is pressed
  else once(advance);
  return true;
}

// ---- beginnings

// Of the tabs that show this page the last one is at work, so that a rater sees a picture once.
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
    look();
  });
  takeOver();
}

function watchButtons() {
  const actions = {
    next: () => once(advance),
    undo: () => once(goBack),
    zoom: () => picture.look(),
    suggest,
    unfit: giveUp,
    "show-help": () => find("#help").showModal(),
    leave: () => once(leave),
    agree: () => once(agree),
    reload: () => location.reload(),
  };
  for (const [id, action] of Object.entries(actions)) find(`#${id}`).addEventListener("click", action);
  find("#judge").addEventListener("close", () => once(sendUnfit));
  listen(pressed);
}

async function begin() {
  watchButtons();
  watchTabs();
  const owner = find("meta[name=owner]").content;
  try {
    outbox = await Outbox.open(owner, {
      changed: (count) => showUnsent(count, outbox),
      signedOut: () => showPanel("ended"),
    });
  } catch {
    lose();
    return;
  }
  turns = new Turns(outbox, owner);
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
  addEventListener("online", () => (isShown("offline") ? look() : outbox.send()));
  document.addEventListener("visibilitychange", () => document.hidden && outbox.hurry());
  await look();
}

begin();
