// The next tasks of a rater, fetched and decoded before they are needed.
//
// An image whose classes all have an answer stays on the screen until the rater goes on. The browser remembers it, so
// that a page that is reloaded, or opened a second time, shows it again.
import { load } from "./image.js";
import { post } from "./server.js";

const STALE = 600; // seconds that a fetched image may wait

export class Turns {
  #outbox;
  #note;
  #coming = Promise.resolve(null);

  constructor(outbox, person) {
    this.#outbox = outbox;
    this.#note = `reassess image ${person}`;
  }

  // A task with its image, or {reason}; the page has the tasks in `held` already.
  async ask(held = []) {
    const { task, reason } = await post("next", { held });
    return task ? this.#prepare(task) : { reason };
  }

  // The task that was finished last and is not in `held`; null if there is no such task.
  async last(held = []) {
    const { task } = await post("back", { held });
    return task ? this.#prepare(task) : null;
  }

  // The task that is still on the screen; else the next one.
  async stay() {
    const noted = localStorage.getItem(this.#note);
    const last = noted === null ? null : await this.last();
    return last && String(last.task) === noted ? { ...last, isOver: true } : this.ask();
  }

  // Remember which task is on the screen.
  arrive({ task }) {
    localStorage.setItem(this.#note, task);
  }

  // Note that the rater has gone on.
  finish() {
    localStorage.removeItem(this.#note);
  }

  // The experts' answers to a practice task, by question. The server tells them once the whole task is answered, and
  // accepts no other answer after that.
  async truths({ rows }) {
    const answers = rows.map(({ question, answer, revision }) => ({ question, answer, revision: revision - 1 }));
    return (await post("answers", { answers, reveal: true })).truths;
  }

  // Fetch the task after a turn, once `sent` says that all earlier answers have arrived.
  fetchAfter(turn, sent = Promise.resolve(true)) {
    this.#coming = sent.then((arrived) => (arrived ? this.ask([turn.task]) : null)).catch(() => null);
  }

  // The fetched task; null if there is none, or it has waited too long.
  async fetched() {
    const found = await this.#coming;
    return found?.task && Date.now() - found.since < 1000 * STALE ? found : null;
  }

  forget() {
    this.#coming = Promise.resolve(null);
  }

  // Add its image, and the answers that are not on the server yet.
  async #prepare(task) {
    const [waiting, image] = await Promise.all([this.#outbox.waiting(), load(task.image)]);
    const own = new Map(waiting.map((one) => [one.question, one]));
    const given = (row) => own.get(row.question) ?? { answer: row.answer, revision: row.revision - 1 };
    const rows = task.rows.map((row) => {
      const { answer, revision } = given(row);
      return { ...row, answer, revision: revision + 1, spent: 0 };
    });
    return { ...task, image, rows, since: Date.now() };
  }
}
