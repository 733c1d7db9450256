// The classes of an image, each with its answer.

const ANSWERS = ["no", "maybe", "yes"];
const TRUTHS = [0, null, 1]; // the truth that each answer claims
const MOST_EXAMPLES = 6;

const place = document.querySelector("#rows");
const template = document.querySelector("#row").content.firstElementChild;

export class Rows {
  current = 0;
  #turn;
  #elements = [];
  #changed;

  // `answered` gets the number of a row and the answer whose button was pressed; `changed` is called when another row is
  // chosen, or the chosen one gets an answer.
  constructor(answered, changed) {
    this.#changed = changed;
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
    this.choose(this.open[0] ?? turn.current ?? 0);
  }

  get isComplete() {
    return !this.open.length;
  }

  choose(row) {
    if (row < 0 || row >= this.#elements.length) return;
    this.#elements[this.current]?.classList.remove("current");
    this.current = row;
    const element = this.#elements[row];
    element.classList.add("current");
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
    this.#changed();
  }

  // Show the answers of some rows, and choose the next row without an answer; on an earlier image, the next row.
  answer(answered) {
    for (const row of answered) this.#mark(row);
    const row = answered.at(-1);
    const next = this.open.find((number) => number > row) ?? this.open[0] ?? (this.#turn.isLast ? row + 1 : row);
    this.choose(Math.min(next, this.#elements.length - 1));
  }

  // The rows without an answer.
  get open() {
    const { rows } = this.#turn;
    return [...rows.keys()].filter((number) => rows[number].answer === null);
  }

  // The chosen row: its number and name on the page, and its answer.
  get chosen() {
    const name = this.#elements[this.current].querySelector(".name span").textContent;
    return { number: this.current + 1, name, answer: this.#turn.rows[this.current].answer };
  }

  // Show the experts' answers beside the rater's; return in words how often they agree.
  reveal(truths) {
    place.classList.add("revealed");
    const known = this.#turn.rows.filter((row) => row.question in truths);
    const same = known.filter((row) => truths[row.question] === TRUTHS[row.answer]);
    this.#turn.rows.forEach((row, number) => {
      const line = this.#elements[number].querySelector(".truth");
      const isSame = same.includes(row);
      line.textContent = isSame ? "Experts agree." : `Experts answered ${truths[row.question] ? "yes" : "no"}.`;
      line.classList.toggle("same", isSame);
      line.hidden = !known.includes(row);
      for (const button of this.#elements[number].querySelectorAll("button")) button.disabled = true;
    });
    if (!known.length) return "";
    const half = known.filter((row) => TRUTHS[row.answer] === null).length / 2;
    return `You agree with the experts on ${same.length + half} of ${known.length}${half ? " (maybe counts half)" : ""}.`;
  }

  // Choose the first class with another answer by the experts; show all rows if there is room.
  chooseDifferent() {
    place.scrollIntoView({ block: "end" });
    this.choose(Math.max(0, this.#elements.findIndex((one) => one.querySelector(".truth:not(.same, [hidden])"))));
  }

  // The number of classes in words, for screen readers.
  get size() {
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

// The definition and other names of a class.
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
