// The dialog to suggest a class: search by a part of a name, or among similar classes.
import { ClassRanking } from "./class_ranking.js";
import { showNotice } from "./panels.js";
import { nameOf } from "./rows.js";
import { NO_CONNECTION, post, Refused } from "./server.js";

const MAX_RESULTS = 30;
const MAX_SIMILAR = 8;

const dialog = document.querySelector("#suggest");
const text = document.querySelector("#suggest-text");
const list = document.querySelector("#suggest-list");
const notice = document.querySelector("#suggest-notice");

let ranking = null; // of all classes
let size = 0;
let listed = new Set(); // ids of the classes in the image's list
let results = [];
let current = 0;
let sendChoice = () => {};

// Open the dialog for a class that is not in the image's list. `choose` receives the id and name of the chosen class;
// it returns an error message or null.
function open(classes, listedIds, choose) {
  ranking ??= new ClassRanking(classes.map((info) => ({ ...info, name: nameOf(info, info.id) })));
  size = classes.length;
  listed = listedIds;
  sendChoice = choose;
  text.value = "";
  dialog.showModal();
  search();
  text.focus();
}

function search() {
  const typed = text.value.trim().toLowerCase();
  const matches = ranking.find(typed);
  const groups = typed ? groupMatches(matches) : groupAllClasses(matches);
  results = groups.flatMap(([, classes]) => classes);
  let number = 0;
  list.replaceChildren(...groups.flatMap(([title, classes]) => {
    const options = classes.map((info) => makeOption(info, number++, title ? "" : typed));
    return title && options.length ? [makeHeading(title), ...options] : options;
  }));
  notice.textContent = groups[0][1].length ? "" : explainEmpty(typed, matches);
  mark(0);
}

// Group the classes that match the text, and classes similar to the best match.
function groupMatches(matches) {
  const selectable = withoutListed(matches).slice(0, MAX_RESULTS);
  const best = matches.slice(0, 1);
  const near = withoutListed(ranking.findNear(new Set(best.map(({ id }) => id))));
  const similar = near.filter((info) => !selectable.includes(info));
  return [[null, selectable], [`Similar to ${best[0]?.name}`, similar.slice(0, MAX_SIMILAR)]];
}

// Without a text: group classes similar to the classes in the image's list, and other classes.
function groupAllClasses(all) {
  const similar = withoutListed(ranking.findNear(listed)).slice(0, MAX_SIMILAR);
  const rest = withoutListed(all).filter((info) => !similar.includes(info)).slice(0, MAX_RESULTS);
  return similar.length ? [["Similar to the classes of this image", similar], ["Other classes", rest]] : [[null, rest]];
}

const withoutListed = (classes) => classes.filter(({ id }) => !listed.has(id));

function explainEmpty(typed, matches) {
  if (size === listed.size) return "All classes are already in the list.";
  if (!typed) return "";
  return matches.length ? `${matches[0].name} is already in the list.` : "No class found.";
}

function makeHeading(title) {
  return Object.assign(document.createElement("li"), { className: "heading", role: "presentation", textContent: title });
}

// Make the option of a class: its name, a synonym if the name does not match the text, and the definition.
function makeOption(info, number, typed) {
  const isMatch = (name) => name.toLowerCase().includes(typed);
  const synonym = isMatch(info.name) ? null : (info.synonyms.find(isMatch) ?? info.synonyms[0]);
  const [element, name, also, about] = ["li", "b", "span", "p"].map((tag) => document.createElement(tag));
  name.textContent = info.name;
  also.className = "also";
  also.textContent = synonym ? ` also: ${synonym}` : "";
  about.textContent = info.definition ?? "";
  element.id = `suggestion-${number}`;
  element.role = "option";
  element.append(name, also, about);
  element.addEventListener("click", () => choose(number));
  return element;
}

function mark(number) {
  current = Math.min(Math.max(number, 0), results.length - 1);
  const options = list.querySelectorAll("[role=option]");
  options.forEach((element, row) => element.setAttribute("aria-selected", String(row === current)));
  if (results.length) text.setAttribute("aria-activedescendant", `suggestion-${current}`);
  else text.removeAttribute("aria-activedescendant");
  if (current > 0) options[current].scrollIntoView({ block: "nearest" });
  else list.scrollTop = 0;
}

async function choose(number) {
  if (!results[number]) return;
  const problem = await sendChoice(results[number].id, results[number].name);
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

// Suggest a class that is in the image, but not in its list.
export function suggest({ task, practice, rows }, classes) {
  document.querySelector("#suggest-hint").textContent = practice
    ? "During practice, your suggestion is saved, but nobody is asked about it."
    : "Other raters will be asked about it.";
  open([...classes.values()], new Set(rows.map((row) => row.class)), async (id, name) => {
    try {
      await post("suggest", { task, class: id });
    } catch (error) {
      return error instanceof Refused ? error.message : NO_CONNECTION;
    }
    showNotice(practice ? `Your suggestion is saved: ${name}.` : `Thank you. Other raters will be asked about ${name}.`);
    return null;
  });
}
