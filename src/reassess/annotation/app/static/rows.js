// The classes of a picture, each with its answer.

const ANSWERS = ["no", "maybe", "yes"];
const SAID = [0, null, 1]; // the truth, of which an answer is right
const MOST_EXAMPLES = 6;

const place = document.querySelector("#rows");
const template = document.querySelector("#row").content.firstElementChild;

export class Rows {
  current = 0;
  #turn;
  #elements = [];

  // `answered` is called with the number of a row and its answer when a button is pressed.
  constructor(answered) {
    place.addEventListener("click", (event) => {
      const element = event.target.closest(".row");
      if (!element || !this.#turn) return;
      const row = this.#elements.indexOf(element);
      const button = event.target.closest("button");
      if (button) answered(row, Number(button.dataset.answer));
      else this.choose(row);
    });
  }

  show(turn, classes) {
    this.#turn = turn;
    this.#elements = turn.rows.map((row, number) => element(row, number, classes.get(row.class)));
    place.classList.remove("revealed");
    place.replaceChildren(...this.#elements);
    place.scrollTop = 0;
    scrollTo(0, 0);
    this.#elements.forEach((_, row) => this.#mark(row));
    this.choose(Math.max(0, turn.rows.findIndex((row) => row.answer === null)));
  }

  get isComplete() {
    return this.#turn.rows.every((row) => row.answer !== null);
  }

  choose(row) {
    if (row < 0 || row >= this.#elements.length) return;
    this.#elements[this.current]?.classList.remove("current");
    this.current = row;
    const element = this.#elements[row];
    element.classList.add("current");
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
  }

  // Show the answer of a row, and go on to the next one without an answer; in the last picture to the next one.
  answer(row) {
    this.#mark(row);
    const { rows, isLast } = this.#turn;
    const open = [...rows.keys()].filter((number) => rows[number].answer === null);
    this.choose(open.find((number) => number > row) ?? open[0] ?? (isLast ? row + 1 : row));
  }

  // Show what is right beside what was answered, which stays as it is; in words, how often both are the same.
  reveal(truths) {
    place.classList.add("revealed");
    const known = this.#turn.rows.filter((row) => row.question in truths);
    const same = known.filter((row) => truths[row.question] === SAID[row.answer]);
    this.#turn.rows.forEach((row, number) => {
      const line = this.#elements[number].querySelector(".right");
      const isSame = same.includes(row);
      line.textContent = isSame ? "Experts agree." : `Experts say ${truths[row.question] ? "yes" : "no"}.`;
      line.classList.toggle("same", isSame);
      line.hidden = !known.includes(row);
      for (const button of this.#elements[number].querySelectorAll("button")) button.disabled = true;
    });
    if (!known.length) return "";
    const half = known.filter((row) => SAID[row.answer] === null).length / 2;
    return `You and the experts agree on ${same.length + half} of ${known.length}${half ? ": a maybe is one half" : ""}.`;
  }

  // Choose the first class of which the experts say something else, with all of them in view if there is room.
  chooseOther() {
    place.scrollIntoView({ block: "end" });
    this.choose(Math.max(0, this.#elements.findIndex((one) => one.querySelector(".right:not(.same, [hidden])"))));
  }

  // In words, for those who hear the page.
  get said() {
    return `${this.#turn.rows.length} ${this.#turn.rows.length === 1 ? "class" : "classes"}`;
  }

  #mark(row) {
    const { answer } = this.#turn.rows[row];
    const element = this.#elements[row];
    element.dataset.answered = answer === null ? "" : ANSWERS[answer];
    for (const button of element.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.answer) === answer));
    }
  }
}

export const nameOf = (found, id) => found?.name ?? `class ${id}`;

function element(row, number, found) {
  const made = template.cloneNode(true);
  const [name, about, examples] = [".name", ".about", ".examples"].map((part) => made.querySelector(part));
  name.querySelector("kbd").textContent = number + 1;
  name.querySelector("span").textContent = nameOf(found, row.class);
  name.id = `name-${number}`;
  about.id = `about-${number}`;
  made.setAttribute("aria-labelledby", name.id);
  made.setAttribute("aria-describedby", about.id);
  about.append(...aboutClass(found));
  for (const address of (found?.examples ?? []).slice(0, MOST_EXAMPLES)) {
    const image = new Image();
    image.loading = "lazy";
    image.alt = `Example of ${nameOf(found, row.class)}`;
    image.src = address;
    examples.append(image);
  }
  examples.hidden = !examples.childElementCount;
  return made;
}

// What a class means, and its other names.
function aboutClass(found) {
  const others = (found?.synonyms ?? []).join(", ");
  const parts = [];
  if (found?.definition) parts.push(found.definition);
  if (others) {
    const also = document.createElement("span");
    also.className = "also";
    also.textContent = `Also: ${others}`;
    parts.push(parts.length ? " " : "", also);
  }
  return parts;
}
