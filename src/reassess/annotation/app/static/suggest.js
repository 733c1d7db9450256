// Suggest a class of the image that is not in the list.
import { ask } from "./class_search.js";
import { showNotice } from "./panels.js";
import { NO_CONNECTION, post, Refused } from "./server.js";

const hint = document.querySelector("#other-hint");

export function suggest({ task, practice, rows }, classes) {
  hint.textContent = practice ? "During practice, suggestions are only noted." : "Other raters will be asked about it.";
  ask([...classes.values()], new Set(rows.map((row) => row.class)), async (id, name) => {
    try {
      await post("suggest", { task, class: id });
    } catch (error) {
      return error instanceof Refused ? error.message : NO_CONNECTION;
    }
    showNotice(practice ? `${name} is noted.` : `Thank you. Other raters will be asked about ${name}.`);
    return null;
  });
}
