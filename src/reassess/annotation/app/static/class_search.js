// Find a class by a part of one of its names.
import { nameOf } from "./rows.js";

const MOST = 30;
// Places of the typed text in a name, the best first: the last word of an English name says what a thing is.
const PLACES = [["\n", "\n"], [" ", "\n"], ["\n", " "], [" ", " "], ["\n", ""], [" ", ""], ["", ""]];

const dialog = document.querySelector("#other");
const text = document.querySelector("#other-text");
const list = document.querySelector("#other-list");
const notice = document.querySelector("#other-notice");

let choices = []; // {id, name, about, others, words}
let asked = []; // the same
let found = [];
let current = 0;
let chosen = () => {};

// Ask for a class that is not shown yet. `choose` gets its id and name, and returns an error message or null.
export function ask(classes, shown, choose) {
  const all = classes.map((one) => ({
    id: one.id,
    name: nameOf(one, one.id),
    about: one.definition ?? "",
    others: one.synonyms,
    words: ["", one.name, ...one.synonyms, ""].join("\n").toLowerCase(),
  }));
  choices = all.filter(({ id }) => !shown.has(id));
  asked = all.filter(({ id }) => shown.has(id));
  chosen = choose;
  text.value = "";
  search();
  dialog.showModal();
  text.focus();
}

function search() {
  const typed = text.value.trim().toLowerCase();
  const rank = ({ words }) => PLACES.findIndex(([before, after]) => words.includes(before + typed + after));
  const ranked = choices.map((choice) => [rank(choice), choice]).filter(([place]) => place >= 0);
  ranked.sort(([a], [b]) => a - b);
  found = ranked.slice(0, MOST).map(([, choice]) => choice);
  list.replaceChildren(...found.map((choice, number) => option(choice, number, typed)));
  notice.textContent = found.length ? "" : whyNone(typed);
  mark(0);
}

function whyNone(typed) {
  if (!choices.length) return "All classes are in the list already.";
  const same = asked.find(({ words }) => words.includes(typed));
  return same ? `${same.name} is already in the list.` : "No class found.";
}

function option(choice, number, typed) {
  const made = document.createElement("li");
  const about = document.createElement("span");
  const byOther = !choice.name.toLowerCase().includes(typed);
  const other = byOther ? choice.others.find((name) => name.toLowerCase().includes(typed)) : "";
  about.className = "also";
  about.textContent = [other, choice.about].filter(Boolean).join(": ");
  made.id = `other-${number}`;
  made.role = "option";
  made.append(choice.name, " ", about);
  made.addEventListener("click", () => choose(number));
  return made;
}

function mark(number) {
  current = Math.min(Math.max(number, 0), found.length - 1);
  [...list.children].forEach((one, row) => one.setAttribute("aria-selected", String(row === current)));
  if (found.length) text.setAttribute("aria-activedescendant", `other-${current}`);
  else text.removeAttribute("aria-activedescendant");
  list.children[current]?.scrollIntoView({ block: "nearest" });
}

async function choose(number) {
  if (!found[number]) return;
  const problem = await chosen(found[number].id, found[number].name);
  if (problem) notice.textContent = problem;
  else dialog.close();
}

text.addEventListener("input", search);
text.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") mark(current + 1);
  else if (event.key === "ArrowUp") mark(current - 1);
  else if (event.key === "Enter") choose(current);
  else return;
  event.preventDefault();
});
