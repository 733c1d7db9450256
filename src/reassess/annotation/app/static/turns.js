// What somebody is shown next: asked for and decoded before it is needed.
//
// A picture of which all classes have an answer is still on the screen until its rater goes on. The browser notes which
// one that is, so that a page that is loaded again, or opened a second time, shows it again.
import { load } from "./picture.js";
import { post } from "./server.js";

const STALE = 600; // seconds for which a picture that was fetched may wait

export class Turns {
  #outbox;
  #note;
  #coming = Promise.resolve(null);

  constructor(outbox, owner) {
    this.#outbox = outbox;
    this.#note = `reassess picture ${owner}`;
  }

  // A task with its picture, or {nothing: why}; those in `held` are in hand already.
  async ask(held = []) {
    const { task, nothing } = await post("next", { held });
    return task ? this.#prepare(task) : { nothing };
  }

  // The task that was finished last, of those that are not in hand; null if there is none.
  async last(held = []) {
    const { task } = await post("undo", { held });
    return task ? this.#prepare(task) : null;
  }

  // The task from which nobody has gone on yet; else that which is asked next.
  async stay() {
    const noted = localStorage.getItem(this.#note);
    const last = noted === null ? null : await this.last();
    return last && String(last.task) === noted ? { ...last, isOver: true } : this.ask();
  }

  // Note what is on the screen.
  arrive({ task }) {
    localStorage.setItem(this.#note, task);
  }

  // Note that its rater has gone on.
  leave() {
    localStorage.removeItem(this.#note);
  }

  // What is right in a practice task, by question: the server says it to who has answered all of the task, and takes no
  // other answer from then on.
  async truths({ rows }) {
    const answers = rows.map(({ question, answer, revision }) => ({ question, answer, revision: revision - 1 }));
    return (await post("answers", { answers, reveal: true })).truths;
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
