// Suggest a class that is in the image, but not in its list.
import { open } from "./class_search.js";
import { showNotice } from "./panels.js";
import { NO_CONNECTION, post, Refused } from "./server.js";

const hint = document.querySelector("#suggest-hint");

export function suggest({ task, practice, rows }, classes) {
  hint.textContent = practice ? "During practice, your suggestion is saved, but nobody is asked about it." : "Other raters will be asked about it.";
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
