// The keyboard shortcuts of the rating page. rate.js has a function for each action, and the help shows the name and
// hint. The function receives the position of the key in `keys`; if `isHeld`, whether the key is down.
import { rememberCheckbox } from "./browser.js";

const BOTH = ["page", "zoomed"];
const PAGE = ["page"];
const ZOOMED = ["zoomed"];

export const SHORTCUTS = [
  { keys: ["n", "m", "y"], where: BOTH, action: "answer", name: "No, Maybe, Yes", hint: "answers, and goes to the next class" },
  { keys: ["r"], where: BOTH, action: "rest", name: "No to the rest", hint: "answers no for every class without an answer" },
  { keys: ["o"], where: BOTH, action: "only", name: "Only this class", hint: "answers yes, and no to the rest", isKeyOnly: true },
  { keys: ["Enter"], where: BOTH, action: "next", name: "Next image", hint: "when every class has an answer" },
  { keys: ["u", "Backspace"], where: BOTH, action: "back", name: "Back", hint: "to earlier images, one at a time" },
  { keys: ["z"], where: BOTH, action: "zoom", name: "Zoom", hint: "or press the image; then drag it, or use two fingers" },
  { keys: ["+", "-"], where: ZOOMED, action: "enlarge", name: "Larger, smaller", hint: "while zoomed, or the wheel", isKeyOnly: true },
  { keys: ["ArrowLeft", "ArrowUp", "ArrowDown", "ArrowRight"], where: ZOOMED, action: "pan", name: "Arrows", hint: "move the zoomed image", isKeyOnly: true },
  { keys: ["w"], where: BOTH, action: "whole", name: "Whole image", hint: "shown while you hold the key", isKeyOnly: true, isHeld: true },
  { keys: ["s"], where: PAGE, action: "suggest", name: "Suggest a class", hint: "that is not in the list" },
  { keys: ["c"], where: PAGE, action: "skip", name: "Can't judge", hint: "skips a broken or unsuitable image" },
  { keys: [..."12345678"], where: BOTH, action: "choose", name: "Choose a class", hint: "by its number", isKeyOnly: true },
  { keys: ["ArrowUp", "ArrowDown"], where: PAGE, action: "move", name: "Up, down", hint: "choose another class", isKeyOnly: true },
  { keys: ["?"], where: PAGE, action: "help", name: "Help", hint: "shows this list", isKeyOnly: true },
];

const REPEATING_ACTIONS = ["move", "pan", "enlarge"]; // actions that repeat while their key is down
const KEY_SIGNS = { Backspace: "⌫", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };
const SHORTCUTS_CHECKBOX = rememberCheckbox(document.querySelector("#keys"), "keys", true);

const findShortcut = (key, where) => SHORTCUTS.find((shortcut) => shortcut.keys.includes(key) && shortcut.where.includes(where));
const makeKeyMark = (key) => Object.assign(document.createElement("kbd"), { textContent: KEY_SIGNS[key] ?? key });

// `onShortcut` receives an action, the argument of its function, and the target of the event. It returns whether it has
// handled the key.
export function listenForShortcuts(actions, onShortcut) {
  checkActions(actions);
  let heldShortcut = null; // the shortcut whose key is down
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    const where = findPlace(event);
    const key = listKeyNames(event).find((name) => findShortcut(name, where));
    if (!key || (key !== "Enter" && !key.startsWith("Arrow") && !SHORTCUTS_CHECKBOX.checked)) return;
    const shortcut = findShortcut(key, where);
    const { action, keys, isHeld } = shortcut;
    if (event.repeat && !REPEATING_ACTIONS.includes(action)) return;
    // Enter presses the focused button, except an answer button, where Enter continues to the next image.
    if (key === "Enter" && event.target.closest("a, button") && !event.target.closest(".choices")) return;
    if (!onShortcut(action, isHeld ? true : keys.indexOf(key), event.target)) return;
    if (isHeld) heldShortcut = shortcut;
    event.preventDefault();
  });
  const release = () => {
    if (heldShortcut) onShortcut(heldShortcut.action, false, document.body);
    heldShortcut = null;
  };
  document.addEventListener("keyup", (event) => heldShortcut && listKeyNames(event).some((key) => heldShortcut.keys.includes(key)) && release());
  addEventListener("blur", release); // the key may be released in another window
}

// Return where a key is pressed: on the page, in the enlarged image, or null in a place without shortcuts.
function findPlace({ target }) {
  if (target.closest("input")) return null;
  const dialog = document.querySelector("dialog[open]");
  if (!dialog) return "page";
  return dialog.id === "zoomed" ? "zoomed" : null;
}

// Check that each shortcut has a function, and each function a shortcut.
function checkActions(actions) {
  const missing = SHORTCUTS.find(({ action }) => !(action in actions));
  if (missing) throw new Error(`no function for the shortcut ${missing.keys[0]}: ${missing.action}`);
  const unused = Object.keys(actions).find((name) => !SHORTCUTS.some(({ action }) => action === name));
  if (unused) throw new Error(`no shortcut for the function ${unused}`);
  const keys = SHORTCUTS.flatMap((shortcut) => shortcut.where.flatMap((where) => shortcut.keys.map((key) => `${key} (${where})`)));
  const twice = keys.find((key, place) => keys.indexOf(key) !== place);
  if (twice) throw new Error(`two shortcuts for the key ${twice}`);
}

// Return the names of a key in the table: its character, and its position for digits and keys without a Latin letter.
// A plus often needs Shift, so the key without Shift is enough.
function listKeyNames(event) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  const isLatin = /^[a-z]$/i.test(event.key);
  const letter = (isLatin ? event.key : event.code.replace(/^Key/, "")).toLowerCase();
  return [event.key, ...(event.key === "=" ? ["+"] : []), ...(digit ? [digit[1]] : []), letter];
}

// Show the shortcuts in the help, and on the buttons with the same action.
export function showShortcuts(list) {
  list.replaceChildren(...SHORTCUTS.map(makeHelpRow));
  for (const button of document.querySelectorAll("[data-action]")) {
    const shortcut = SHORTCUTS.find(({ action }) => action === button.dataset.action);
    button.append(" ", makeKeyMark(shortcut.keys[0]));
  }
}

function makeHelpRow({ keys, name, hint, isKeyOnly }) {
  const [row, term, text] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
  const marks = keys.length > 4 ? [makeKeyMark(keys[0]), "…", makeKeyMark(keys.at(-1))] : keys.map(makeKeyMark);
  term.append(name, ...marks.flatMap((mark) => [" ", mark]));
  text.append(hint);
  row.classList.toggle("by-key", isKeyOnly ?? false);
  row.append(term, text);
  return row;
}
