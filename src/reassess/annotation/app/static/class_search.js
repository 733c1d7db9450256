// Find a class by a part of one of its names, or near other classes.
import { ClassRanking } from "./class_ranking.js";
import { nameOf } from "./rows.js";

const MOST = 30;
const MOST_NEAR = 8;

const dialog = document.querySelector("#other");
const text = document.querySelector("#other-text");
const list = document.querySelector("#other-list");
const notice = document.querySelector("#other-notice");

let ranking = null; // of all classes
let size = 0;
let asked = new Set(); // ids of the classes that are shown already
let found = [];
let current = 0;
let chosen = () => {};

// Ask for a class that is not shown yet. `choose` gets its id and name, and returns an error message or null.
export function ask(classes, shown, choose) {
  ranking ??= new ClassRanking(classes.map((one) => ({ ...one, name: nameOf(one, one.id) })));
  size = classes.length;
  asked = shown;
  chosen = choose;
  text.value = "";
  dialog.showModal();
  search();
  text.focus();
}

function search() {
  const typed = text.value.trim().toLowerCase();
  const fitting = ranking.find(typed);
  const groups = typed ? groupsOf(typed, fitting) : groupsWithout(fitting);
  found = groups.flatMap(([, classes]) => classes);
  let number = 0;
  list.replaceChildren(...groups.flatMap(([title, classes]) => {
    const options = classes.map((one) => option(one, number++, title ? "" : typed));
    return title && options.length ? [heading(title), ...options] : options;
  }));
  notice.textContent = groups[0][1].length ? "" : whyNone(typed, fitting);
  mark(0);
}

// The classes that fit the text, and then classes that are similar to the best of them.
function groupsOf(typed, fitting) {
  const matches = newOnes(fitting).slice(0, MOST);
  const best = fitting.slice(0, 1);
  const similar = newOnes(ranking.near(new Set(best.map(({ id }) => id)))).filter((one) => !matches.includes(one));
  return [[null, matches], [`Similar to ${best[0]?.name}`, similar.slice(0, MOST_NEAR)]];
}

// Without a text: classes that are similar to those of the image, and then others.
function groupsWithout(all) {
  const similar = newOnes(ranking.near(asked)).slice(0, MOST_NEAR);
  const others = newOnes(all).filter((one) => !similar.includes(one)).slice(0, MOST);
  return similar.length ? [["Similar to the classes of this image", similar], ["Other classes", others]] : [[null, others]];
}

const newOnes = (classes) => classes.filter(({ id }) => !asked.has(id));

function whyNone(typed, fitting) {
  if (size === asked.size) return "All classes are in the list already.";
  if (!typed) return "";
  return fitting.length ? `${fitting[0].name} is already in the list.` : "No class found.";
}

function heading(words) {
  return Object.assign(document.createElement("li"), { className: "heading", role: "presentation", textContent: words });
}

// The name of a class, another name if the text is in that, and below them the definition.
function option(one, number, typed) {
  const has = (name) => name.toLowerCase().includes(typed);
  const other = has(one.name) ? null : (one.synonyms.find(has) ?? one.synonyms[0]);
  const [made, name, also, about] = ["li", "b", "span", "p"].map((tag) => document.createElement(tag));
  name.textContent = one.name;
  also.className = "also";
  also.textContent = other ? ` also: ${other}` : "";
  about.textContent = one.definition ?? "";
  made.id = `other-${number}`;
  made.role = "option";
  made.append(name, also, about);
  made.addEventListener("click", () => choose(number));
  return made;
}

function mark(number) {
  current = Math.min(Math.max(number, 0), found.length - 1);
  const options = list.querySelectorAll("[role=option]");
  options.forEach((one, row) => one.setAttribute("aria-selected", String(row === current)));
  if (found.length) text.setAttribute("aria-activedescendant", `other-${current}`);
  else text.removeAttribute("aria-activedescendant");
  if (current > 0) options[current].scrollIntoView({ block: "nearest" });
  else list.scrollTop = 0;
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
