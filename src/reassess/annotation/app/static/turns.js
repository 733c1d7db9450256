// The next tasks of a rater, fetched and decoded before they are needed.
//
// An image whose classes all have an answer stays on the screen until the rater continues. The browser remembers it, so
// a reloaded page, or a second tab, shows it again.
import { load } from "./image.js";
import { post } from "./server.js";

const STALE = 600; // seconds after which a fetched image is fetched again

export class Turns {
  #outbox;
  #storageKey;
  #coming = Promise.resolve(null);

  constructor(outbox, person) {
    this.#outbox = outbox;
    this.#storageKey = `reassess image ${person}`;
  }

  // Fetch a task with its image, or {reason} if there is no task. The page already has the tasks in `held`.
  async next(held = []) {
    const { task, reason } = await post("next", { held });
    return task ? this.#prepare(task) : { reason };
  }

  // Fetch the last finished task that is not in `held`; null if there is no such task.
  async last(held = []) {
    const { task } = await post("back", { held });
    return task ? this.#prepare(task) : null;
  }

  // Fetch the finished task that was still on the screen, or else the next task.
  async stay() {
    const remembered = localStorage.getItem(this.#storageKey);
    const last = remembered === null ? null : await this.last();
    return last && String(last.task) === remembered ? { ...last, isOver: true } : this.next();
  }

  // Remember which task is on the screen.
  arrive({ task }) {
    localStorage.setItem(this.#storageKey, task);
  }

  // Forget the task on the screen when the rater continues.
  finish() {
    localStorage.removeItem(this.#storageKey);
  }

  // Fetch the experts' answers to a practice task, by question. The server sends them once the whole task is answered,
  // and rejects later changes.
  async truths({ rows }) {
    const answers = rows.map(({ question, answer, revision }) => ({ question, answer, revision: revision - 1 }));
    return (await post("answers", { answers, reveal: true })).truths;
  }

  // Fetch the task after a turn, once all earlier answers are sent.
  fetchAfter(turn, sent = Promise.resolve(true)) {
    this.#coming = sent.then((isSent) => (isSent ? this.next([turn.task]) : null)).catch(() => null);
  }

  // Return the fetched task; null if there is no task, or it is too old.
  async fetched() {
    const turn = await this.#coming;
    return turn?.task && Date.now() - turn.since < 1000 * STALE ? turn : null;
  }

  forget() {
    this.#coming = Promise.resolve(null);
  }

  // Add the image of a task, and the answers that are not on the server yet.
  async #prepare(task) {
    const [unsent, image] = await Promise.all([this.#outbox.unsent(), load(task.image)]);
    const unsentByQuestion = new Map(unsent.map((answer) => [answer.question, answer]));
    const latest = (row) => unsentByQuestion.get(row.question) ?? { answer: row.answer, revision: row.revision - 1 };
    const rows = task.rows.map((row) => {
      const { answer, revision } = latest(row);
      return { ...row, answer, revision: revision + 1, spent: 0 };
    });
    return { ...task, image, rows, since: Date.now() };
  }
}
