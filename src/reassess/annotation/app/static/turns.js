// What somebody is shown next: asked for and decoded before it is needed.
import { load } from "./picture.js";
import { post } from "./server.js";

const STALE = 600; // seconds for which a picture that was fetched may wait

export class Turns {
  #outbox;
  #coming = Promise.resolve(null);

  constructor(outbox) {
    this.#outbox = outbox;
  }

  // A task with its picture, or {nothing: why}; those in `held` are in hand already.
  async ask(held = []) {
    const { task, nothing } = await post("next", { held });
    return task ? this.#prepare(task) : { nothing };
  }

  // The task that was finished last; null if there is none.
  async last() {
    const { task } = await post("undo");
    return task ? this.#prepare(task) : null;
  }

  // Fetch what comes after a turn, once `sent` says that all answers to what went before have arrived.
  fetchAfter(turn, sent = Promise.resolve(true)) {
    this.#coming = sent.then((arrived) => (arrived ? this.ask([turn.task]) : null)).catch(() => null);
  }

  // What was fetched; null if nothing was, or it has waited for long.
  async fetched() {
    const found = await this.#coming;
    return found?.task && Date.now() - found.since < 1000 * STALE ? found : null;
  }

  forget() {
    this.#coming = Promise.resolve(null);
  }

  // With its picture, and with answers that the server has not got yet.
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
