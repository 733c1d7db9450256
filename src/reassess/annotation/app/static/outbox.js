// Answers that the server has not confirmed yet. Each answer is saved at once, and stays until the server has it.
//
// The browser's database stores them by person and question, so they survive a closed tab. Only the latest answer to a
// question is stored; its revision tells the server whether it is new.
import { post, Refused, SignedOut } from "./server.js";

const FIRST_TRY_SECONDS = 3; // seconds until unsent answers are sent
const MAX_RETRY_SECONDS = 15; // maximum seconds between tries

const toPromise = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = request.oncomplete = () => resolve(request.result);
    request.onerror = request.onabort = () => reject(request.error);
  });

export class Outbox {
  hasFailed = false; // whether the last try failed
  #database;
  #person;
  #onChange;
  #onSignedOut;
  #rejected = new Map(); // rejected revisions by question; this page does not send them again
  #answersOfPage = new Map(); // unsent answers of this page, by question
  #sending = Promise.resolve();
  #timer = null;
  #retrySeconds = FIRST_TRY_SECONDS;

  // `onChange` receives the numbers of unsent and of rejected answers; `onSignedOut` runs when the session has ended.
  static async open(person, { onChange, onSignedOut }) {
    const request = indexedDB.open(`reassess ${location.pathname}`, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("answers", { keyPath: ["person", "question"] });
    const outbox = new Outbox();
    outbox.#database = await toPromise(request);
    outbox.#person = person;
    outbox.#onChange = onChange;
    outbox.#onSignedOut = onSignedOut;
    return outbox;
  }

  async add(answer) {
    this.#answersOfPage.set(answer.question, answer);
    await this.#write((store) => store.put({ ...answer, person: this.#person }));
    this.#sendLater();
  }

  async readUnsent() {
    const store = this.#database.transaction("answers").objectStore("answers");
    return toPromise(store.getAll(IDBKeyRange.bound([this.#person], [this.#person, []])));
  }

  // Send the unsent answers; if this fails, try again later. With `held`, the same request fetches the next task; `next`
  // is undefined if nothing was unsent, or was refused.
  send(held) {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#sending = this.#sending.then(() => this.#sendAll(held));
    return this.#sending;
  }

  // Send the answers of this page now: the page may close before it can read the database.
  sendBeforeClosing() {
    const answers = [...this.#answersOfPage.values()].filter((answer) => !this.#isRejected(answer));
    if (answers.length) this.#postAnswers(answers).catch(() => {}); // a later try reports the failure
  }

  async #sendAll(held) {
    let next;
    try {
      const answers = (await this.readUnsent()).filter((answer) => !this.#isRejected(answer));
      if (answers.length) next = await this.#postAnswers(answers, held);
      this.hasFailed = false;
      this.#retrySeconds = FIRST_TRY_SECONDS;
    } catch (error) {
      this.hasFailed = true;
      this.#retrySeconds = Math.min(2 * this.#retrySeconds, MAX_RETRY_SECONDS);
      if (error instanceof SignedOut) this.#onSignedOut();
      else this.#sendLater();
    }
    await this.#reportCounts();
    return { isSent: !this.hasFailed, next };
  }

  // Post answers, and remove those that the server has saved. If it rejects a group, post each answer separately.
  async #postAnswers(stored, held) {
    try {
      const answers = stored.map(({ person, ...answer }) => answer);
      const { saved, next } = await post("answers", { answers, held, reveal: false }, { keepalive: true });
      await this.#remove(saved);
      return next;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (stored.length === 1 && !held) this.#reject(stored[0], error);
      else for (const answer of stored) await this.#postAnswers([answer]);
    }
  }

  #reject({ question, revision }, error) {
    console.warn(`The server rejected the answer to question ${question}: ${error.message}`);
    this.#rejected.set(question, revision);
  }

  #isRejected({ question, revision }) {
    return this.#rejected.get(question) === revision;
  }

  // Delete the rejected answers.
  discardRejected() {
    return this.#remove([...this.#rejected]);
  }

  // Remove answers up to a revision per question; an answer that has changed since then stays.
  async #remove(revisions) {
    for (const [question, revision] of revisions) {
      if (this.#answersOfPage.get(question)?.revision <= revision) this.#answersOfPage.delete(question);
    }
    await this.#write((store) => {
      for (const [question, revision] of revisions) {
        const key = [this.#person, question];
        const request = store.get(key);
        request.onsuccess = () => request.result?.revision <= revision && store.delete(key);
      }
    });
  }

  async #write(change) {
    const transaction = this.#database.transaction("answers", "readwrite", { durability: "strict" });
    change(transaction.objectStore("answers"));
    await toPromise(transaction);
    await this.#reportCounts();
  }

  // Report how many answers are unsent and rejected. If the database cannot be read, the page keeps its last message.
  async #reportCounts() {
    const stored = await this.readUnsent().catch(() => null);
    if (!stored) return;
    const rejected = stored.filter((answer) => this.#isRejected(answer)).length;
    this.#onChange({ unsent: stored.length - rejected, rejected });
  }

  #sendLater() {
    this.#timer ??= setTimeout(() => this.send(), 1000 * this.#retrySeconds);
  }
}
