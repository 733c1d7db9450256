// The keyboard of the rating page. Each row is one shortcut: rate.js does its action, and the help of rate.html shows
// its name and hint. The action gets the position of the key among the row's keys.

export const SHORTCUTS = [
  { keys: ["n", "m", "y"], action: "answer", name: "No, Maybe, Yes", hint: "answers, and goes to the next class" },
  { keys: ["Enter"], action: "next", name: "Next image", hint: "once every class has an answer" },
  { keys: ["u", "Backspace"], action: "back", name: "Back", hint: "to the previous image" },
  { keys: ["z"], action: "zoom", name: "Zoom", hint: "or press the image", then: ["+", "-", "ArrowKeys"] },
  { keys: ["s"], action: "suggest", name: "Suggest a class", hint: "that is not in the list" },
  { keys: ["c"], action: "skip", name: "Can't judge", hint: "skips a broken or unsuitable image" },
  { keys: [..."12345678"], action: "choose", name: "A class", hint: "chooses it", isKeyOnly: true },
  { keys: ["ArrowUp", "ArrowDown"], action: "move", name: "Up, down", hint: "chooses another class", isKeyOnly: true },
  { keys: ["?"], action: "help", name: "Help", hint: "shows this", isKeyOnly: true },
];

const ALWAYS = ["Enter", "ArrowUp", "ArrowDown"]; // not turned off with the other shortcuts
const SIGNS = { Backspace: "⌫", ArrowUp: "↑", ArrowDown: "↓", ArrowKeys: "arrow keys" };
const SWITCH = document.querySelector("#keys");
const SETTING = "reassess keys";

const find = (key) => SHORTCUTS.find((one) => one.keys.includes(key));
const keyMark = (key) => Object.assign(document.createElement("kbd"), { textContent: SIGNS[key] ?? key });

SWITCH.checked = localStorage.getItem(SETTING) !== "off";
SWITCH.addEventListener("change", () => localStorage.setItem(SETTING, SWITCH.checked ? "on" : "off"));

// `pressed` gets an action, the position of its key and the target of the event, and returns whether it did something.
export function listen(actions, pressed) {
  const missing = SHORTCUTS.find(({ action }) => !(action in actions));
  if (missing) throw new Error(`no function for the shortcut ${missing.keys[0]}: ${missing.action}`);
  const unused = Object.keys(actions).find((name) => !SHORTCUTS.some(({ action }) => action === name));
  if (unused) throw new Error(`no shortcut for the function ${unused}`);
  const keys = SHORTCUTS.flatMap((one) => one.keys);
  const twice = keys.find((key, place) => keys.indexOf(key) !== place);
  if (twice) throw new Error(`two shortcuts for the key ${twice}`);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]") || event.target.closest("input")) return;
    const key = keysOf(event).find(find);
    if (!key || (!ALWAYS.includes(key) && !SWITCH.checked)) return;
    const { action, keys } = find(key);
    if (event.repeat && action !== "move") return;
    // A button that has the focus is pressed by Enter; only those of the rows leave Enter to the page.
    if (key === "Enter" && event.target.closest("a, button") && !event.target.closest("#rows")) return;
    if (pressed(action, keys.indexOf(key), event.target)) event.preventDefault();
  });
}

// The names under which a key may be in the table: what it writes, and its place if it is a digit or writes no Latin
// letter.
function keysOf(event) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  const isLatin = /^[a-z]$/i.test(event.key);
  const letter = (isLatin ? event.key : event.code.replace(/^Key/, "")).toLowerCase();
  return [event.key, ...(digit ? [digit[1]] : []), letter];
}

// Show the shortcuts in the help and on the buttons that do the same.
export function showShortcuts(list) {
  list.replaceChildren(...SHORTCUTS.map(helpRow));
  for (const button of document.querySelectorAll("[data-action]")) {
    const shortcut = SHORTCUTS.find(({ action }) => action === button.dataset.action);
    button.append(" ", keyMark(shortcut.keys[0]));
  }
}

function helpRow({ keys, name, hint, then, isKeyOnly }) {
  const [row, term, text] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
  const marks = keys.length > 3 ? [keyMark(keys[0]), "…", keyMark(keys.at(-1))] : keys.map(keyMark);
  term.append(name, ...marks.flatMap((mark) => [" ", mark]));
  text.append(hint);
  if (then) {
    const more = Object.assign(document.createElement("span"), { className: "by-key" });
    more.append("; then", ...then.flatMap((key) => [" ", keyMark(key)]));
    text.append(more);
  }
  row.classList.toggle("by-key", isKeyOnly ?? false);
  row.append(term, text);
  return row;
}
