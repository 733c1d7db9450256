// The next tasks of a rater, fetched and decoded before they are needed.
//
// An image whose classes all have an answer stays on the screen until the rater continues. The browser remembers it, so
// a reloaded page, or a second tab, shows it again.
import { loadImage } from "./image.js";
import { post } from "./server.js";

const MAX_AGE_SECONDS = 600; // seconds after which a fetched image is fetched again

export class Turns {
  #outbox;
  #storageKey;
  #nextTurn = Promise.resolve(null);

  constructor(outbox, person) {
    this.#outbox = outbox;
    this.#storageKey = `reassess image ${person}`;
  }

  // Fetch a task with its image, or {reason} if there is no task. The page already has the tasks in `held`.
  async fetchNext(held = []) {
    return this.#prepare(await post("next", { held }));
  }

  // Fetch the last finished task that is not in `held`; null if there is no such task.
  async fetchLast(held = []) {
    const { task } = await post("back", { held });
    return task ? this.#prepare({ task }) : null;
  }

  // Fetch the finished task that was still on the screen, or else the next task.
  async fetchCurrent() {
    const remembered = localStorage.getItem(this.#storageKey);
    const last = remembered === null ? null : await this.fetchLast();
    return last && String(last.task) === remembered ? { ...last, isOver: true } : this.fetchNext();
  }

  rememberTask({ task }) {
    localStorage.setItem(this.#storageKey, task);
  }

  forgetTask() {
    localStorage.removeItem(this.#storageKey);
  }

  // Fetch the experts' answers to a practice task, by question. The server sends them once the whole task is answered,
  // and rejects later changes.
  async fetchTruths({ rows }) {
    const answers = rows.map(({ question, answer, revision }) => ({ question, answer, revision: revision - 1 }));
    return (await post("answers", { answers, reveal: true })).truths;
  }

  // Send the unsent answers, and fetch the task after a turn. Return the promise of `send`.
  fetchAfter(turn) {
    const held = [turn.task];
    const sent = this.#outbox.send(held);
    this.#nextTurn = sent
      .then(({ isSent, next }) => isSent && (next ? this.#prepare(next) : this.fetchNext(held)))
      .catch(() => null);
    return sent;
  }

  // Return the fetched task; null if there is no task, or it is too old.
  async waitForFetched() {
    const turn = await this.#nextTurn;
    return turn?.task && Date.now() - turn.since < 1000 * MAX_AGE_SECONDS ? turn : null;
  }

  discardFetched() {
    this.#nextTurn = Promise.resolve(null);
  }

  // Add the image of a task, and the answers that are not on the server yet.
  async #prepare({ task, reason }) {
    if (!task) return { reason };
    const [unsent, image] = await Promise.all([this.#outbox.readUnsent(), loadImage(task.image)]);
    const unsentByQuestion = new Map(unsent.map((answer) => [answer.question, answer]));
    const latest = (row) => unsentByQuestion.get(row.question) ?? { answer: row.answer, revision: row.revision - 1 };
    const rows = task.rows.map((row) => {
      const { answer, revision } = latest(row);
      return { ...row, answer, revision: revision + 1, spent: 0 };
    });
    return { ...task, image, rows, since: Date.now() };
  }
}
