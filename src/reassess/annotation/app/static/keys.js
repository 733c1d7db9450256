// The keyboard of the rating page. Each row is one shortcut: rate.js does its action, and the help of rate.html shows
// its name and hint. The action gets the position of the key among the row's keys; of a key that is held, whether it is
// down. `where` says where a key works: on the page, while the image is enlarged, or both.
import { remember } from "./settings.js";

const BOTH = ["page", "zoomed"];
const PAGE = ["page"];
const ZOOMED = ["zoomed"];

export const SHORTCUTS = [
  { keys: ["n", "m", "y"], where: BOTH, action: "answer", name: "No, Maybe, Yes", hint: "answers, and goes to the next class" },
  { keys: ["r"], where: BOTH, action: "rest", name: "No to the rest", hint: "answers no for every class without an answer" },
  { keys: ["o"], where: BOTH, action: "only", name: "Only this class", hint: "answers yes, and no to the rest", isKeyOnly: true },
  { keys: ["Enter"], where: BOTH, action: "next", name: "Next image", hint: "once every class has an answer" },
  { keys: ["u", "Backspace"], where: BOTH, action: "back", name: "Back", hint: "to an earlier image, several times" },
  { keys: ["z"], where: BOTH, action: "zoom", name: "Zoom", hint: "or press the image; then drag it, or use two fingers" },
  { keys: ["+", "-"], where: ZOOMED, action: "enlarge", name: "Larger, smaller", hint: "while zoomed, or the wheel", isKeyOnly: true },
  { keys: ["ArrowLeft", "ArrowUp", "ArrowDown", "ArrowRight"], where: ZOOMED, action: "pan", name: "Arrows", hint: "move the zoomed image", isKeyOnly: true },
  { keys: ["w"], where: BOTH, action: "whole", name: "Whole image", hint: "as long as you hold the key", isKeyOnly: true, isHeld: true },
  { keys: ["s"], where: PAGE, action: "suggest", name: "Suggest a class", hint: "that is not in the list" },
  { keys: ["c"], where: PAGE, action: "skip", name: "Can't judge", hint: "skips a broken or unsuitable image" },
  { keys: [..."12345678"], where: BOTH, action: "choose", name: "A class", hint: "chooses it", isKeyOnly: true },
  { keys: ["ArrowUp", "ArrowDown"], where: PAGE, action: "move", name: "Up, down", hint: "chooses another class", isKeyOnly: true },
  { keys: ["?"], where: PAGE, action: "help", name: "Help", hint: "shows this", isKeyOnly: true },
];

const REPEATING = ["move", "pan", "enlarge"]; // actions that a key repeats while it is down
const SIGNS = { Backspace: "⌫", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };
const SWITCH = remember(document.querySelector("#keys"), "keys", true);

const find = (key, where) => SHORTCUTS.find((one) => one.keys.includes(key) && one.where.includes(where));
const keyMark = (key) => Object.assign(document.createElement("kbd"), { textContent: SIGNS[key] ?? key });

// `pressed` gets an action, what its function gets, and the target of the event; it returns whether it did something.
export function listen(actions, pressed) {
  check(actions);
  let held = null; // the shortcut whose key is down
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    const where = placeOf(event);
    const key = keysOf(event).find((one) => find(one, where));
    if (!key || (key !== "Enter" && !key.startsWith("Arrow") && !SWITCH.checked)) return;
    const shortcut = find(key, where);
    const { action, keys, isHeld } = shortcut;
    if (event.repeat && !REPEATING.includes(action)) return;
    // A button that has the focus is pressed by Enter; only answer buttons leave Enter to the page.
    if (key === "Enter" && event.target.closest("a, button") && !event.target.closest(".choices")) return;
    if (!pressed(action, isHeld ? true : keys.indexOf(key), event.target)) return;
    if (isHeld) held = shortcut;
    event.preventDefault();
  });
  const release = () => {
    if (held) pressed(held.action, false, document.body);
    held = null;
  };
  document.addEventListener("keyup", (event) => held && keysOf(event).some((key) => held.keys.includes(key)) && release());
  addEventListener("blur", release); // the key may be let go in another window
}

// Where a key is pressed: on the page, while the image is enlarged, or in a place without shortcuts.
function placeOf({ target }) {
  if (target.closest("input")) return null;
  const dialog = document.querySelector("dialog[open]");
  if (!dialog) return "page";
  return dialog.id === "zoomed" ? "zoomed" : null;
}

// The table and the functions of its actions must fit one another.
function check(actions) {
  const missing = SHORTCUTS.find(({ action }) => !(action in actions));
  if (missing) throw new Error(`no function for the shortcut ${missing.keys[0]}: ${missing.action}`);
  const unused = Object.keys(actions).find((name) => !SHORTCUTS.some(({ action }) => action === name));
  if (unused) throw new Error(`no shortcut for the function ${unused}`);
  const keys = SHORTCUTS.flatMap((one) => one.where.flatMap((where) => one.keys.map((key) => `${key} (${where})`)));
  const twice = keys.find((key, place) => keys.indexOf(key) !== place);
  if (twice) throw new Error(`two shortcuts for the key ${twice}`);
}

// The names under which a key may be in the table: what it writes, and its place if it is a digit or writes no Latin
// letter. A plus is often written with Shift, so its key is enough.
function keysOf(event) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  const isLatin = /^[a-z]$/i.test(event.key);
  const letter = (isLatin ? event.key : event.code.replace(/^Key/, "")).toLowerCase();
  return [event.key, ...(event.key === "=" ? ["+"] : []), ...(digit ? [digit[1]] : []), letter];
}

// Show the shortcuts in the help and on the buttons that do the same.
export function showShortcuts(list) {
  list.replaceChildren(...SHORTCUTS.map(helpRow));
  for (const button of document.querySelectorAll("[data-action]")) {
    const shortcut = SHORTCUTS.find(({ action }) => action === button.dataset.action);
    button.append(" ", keyMark(shortcut.keys[0]));
  }
}

function helpRow({ keys, name, hint, isKeyOnly }) {
  const [row, term, text] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
  const marks = keys.length > 4 ? [keyMark(keys[0]), "…", keyMark(keys.at(-1))] : keys.map(keyMark);
  term.append(name, ...marks.flatMap((mark) => [" ", mark]));
  text.append(hint);
  row.classList.toggle("by-key", isKeyOnly ?? false);
  row.append(term, text);
  return row;
}
