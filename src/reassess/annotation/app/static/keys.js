// Everything that the page does has a key.

const LETTERS = ["n", "m", "y", "u", "z", "s", "c"];
const NAMED = { ArrowUp: "up", ArrowDown: "down", Enter: "enter", Backspace: "u", "?": "?" };
const SWITCH = document.querySelector("#keys");
const KEPT = "reassess keys";

SWITCH.checked = localStorage.getItem(KEPT) !== "off";
SWITCH.addEventListener("change", () => localStorage.setItem(KEPT, SWITCH.checked ? "on" : "off"));

// `pressed` gets the name of a key, and returns whether it was of use.
export function listen(pressed) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]") || event.target.closest("input")) return;
    const name = nameOf(event);
    if (!name || (event.repeat && name !== "up" && name !== "down")) return;
    const isShortcut = name !== "enter" && name !== "up" && name !== "down";
    if (isShortcut && !SWITCH.checked) return;
    // A button that has the focus is pressed by Enter; only those of the rows leave Enter to the page.
    if (name === "enter" && event.target.closest("a, button") && !event.target.closest("#rows")) return;
    if (pressed(name, event.target)) event.preventDefault();
  });
}

// The place of a key counts where it writes no Latin letter, and that of a digit always.
function nameOf(event) {
  const digit = /^(?:Digit|Numpad)([1-8])$/.exec(event.code);
  if (NAMED[event.key]) return NAMED[event.key];
  if (digit) return digit[1];
  const isLatin = /^[a-z]$/i.test(event.key);
  const letter = (isLatin ? event.key : event.code.replace(/^Key/, "")).toLowerCase();
  return LETTERS.includes(letter) ? letter : null;
}
