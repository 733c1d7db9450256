// The rows of the rating page: the classes of an image, each with its answer.

const ANSWERS = ["no", "maybe", "yes"];
const TRUTH_BY_ANSWER = [0, null, 1]; // the truth that agrees with each answer; maybe has none
const MAX_EXAMPLES = 6;

const container = document.querySelector("#rows");
const template = document.querySelector("#row").content.firstElementChild;

export class Rows {
  current = 0;
  #turn;
  #elements = [];
  #onChange;

  // `onAnswer` receives the number of a row and the answer of the pressed button. `onChange` runs when another row
  // becomes current, or the current row gets an answer.
  constructor(onAnswer, onChange) {
    this.#onChange = onChange;
    container.addEventListener("click", (event) => {
      const element = event.target.closest(".row");
      if (!element || !this.#turn) return;
      const row = this.#elements.indexOf(element);
      const button = event.target.closest("button");
      if (button) onAnswer(row, Number(button.dataset.answer));
      else this.choose(row);
    });
  }

  show(turn, classes) {
    this.#turn = turn;
    this.#elements = turn.rows.map((row, number) => makeElement(row, number, classes.get(row.class)));
    container.classList.remove("revealed");
    container.replaceChildren(...this.#elements);
    container.scrollTop = 0;
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
    this.#onChange();
  }

  // Show the answers of some rows, and choose the next row without an answer. On an earlier image, choose the next row.
  answer(numbers) {
    for (const row of numbers) this.#mark(row);
    const row = numbers.at(-1);
    const next = this.open.find((number) => number > row) ?? this.open[0] ?? (this.#turn.isLast ? row + 1 : row);
    this.choose(Math.min(next, this.#elements.length - 1));
  }

  // The numbers of the rows without an answer.
  get open() {
    const { rows } = this.#turn;
    return [...rows.keys()].filter((number) => rows[number].answer === null);
  }

  // The current row: its number and name on the page, and its answer.
  get currentRow() {
    const name = this.#elements[this.current].querySelector(".name span").textContent;
    return { number: this.current + 1, name, answer: this.#turn.rows[this.current].answer };
  }

  // Show the experts' answers beside the rater's answers; return a text about how often they agree.
  reveal(truths) {
    container.classList.add("revealed");
    const withTruth = this.#turn.rows.filter((row) => row.question in truths);
    const agreeing = withTruth.filter((row) => truths[row.question] === TRUTH_BY_ANSWER[row.answer]);
    this.#turn.rows.forEach((row, number) => {
      const line = this.#elements[number].querySelector(".truth");
      const agrees = agreeing.includes(row);
      line.textContent = agrees ? "Experts agree." : `Experts answered ${truths[row.question] ? "yes" : "no"}.`;
      line.classList.toggle("same", agrees);
      line.hidden = !withTruth.includes(row);
      for (const button of this.#elements[number].querySelectorAll("button")) button.disabled = true;
    });
    if (!withTruth.length) return "";
    const half = withTruth.filter((row) => TRUTH_BY_ANSWER[row.answer] === null).length / 2;
    return `You agree with the experts on ${agreeing.length + half} of ${withTruth.length}${half ? " (maybe counts half)" : ""}.`;
  }

  // Choose the first class where the experts disagree with the rater; show all rows if there is room.
  chooseDifferent() {
    container.scrollIntoView({ block: "end" });
    this.choose(Math.max(0, this.#elements.findIndex((element) => element.querySelector(".truth:not(.same, [hidden])"))));
  }

  // The number of classes, as a text for screen readers.
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

export const nameOf = (info, id) => info?.name ?? `class ${id}`;

function makeElement(row, number, info) {
  const element = template.cloneNode(true);
  const [name, about, examples] = [".name", ".about", ".examples"].map((part) => element.querySelector(part));
  name.querySelector("kbd").textContent = number + 1;
  name.querySelector("span").textContent = nameOf(info, row.class);
  name.id = `name-${number}`;
  about.id = `about-${number}`;
  element.setAttribute("aria-labelledby", name.id);
  element.setAttribute("aria-describedby", about.id);
  about.append(...makeDescription(info));
  for (const address of (info?.examples ?? []).slice(0, MAX_EXAMPLES)) {
    const image = new Image();
    image.loading = "lazy";
    image.alt = `Example of ${nameOf(info, row.class)}`;
    image.src = address;
    examples.append(image);
  }
  examples.hidden = !examples.childElementCount;
  return element;
}

// Make the nodes that show the definition and the synonyms of a class.
function makeDescription(info) {
  const synonyms = (info?.synonyms ?? []).join(", ");
  const parts = [];
  if (info?.definition) parts.push(info.definition);
  if (synonyms) {
    const also = document.createElement("span");
    also.className = "also";
    also.textContent = `Also: ${synonyms}`;
    parts.push(parts.length ? " " : "", also);
  }
  return parts;
}
