// Answers that the server has not confirmed yet. Each is saved at once, and stays until the server has it.
//
// They are in the browser's database, by person and question. So they survive a closed tab, and nobody sends the
// answers of somebody else. A question has one answer here, the latest; by its revision the server knows whether it
// has that answer already.
import { post, Refused, SignedOut } from "./server.js";

const SOON = 3; // seconds until unsent answers are sent
const LATE = 15; // seconds at most between two tries

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = request.oncomplete = () => resolve(request.result);
    request.onerror = request.onabort = () => reject(request.error);
  });

export class Outbox {
  isLate = false; // whether the last try failed
  #database;
  #person;
  #changed;
  #signedOut;
  #refused = new Map(); // rejected revisions by question; this page does not send them again
  #fresh = new Map(); // unsent answers of this page, by question
  #sending = Promise.resolve();
  #timer = null;
  #pause = SOON;

  // `changed` gets the numbers of unsent and of rejected answers; `signedOut` is called when the session has ended.
  static async open(person, { changed, signedOut }) {
    const request = indexedDB.open(`reassess ${location.pathname}`, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("answers", { keyPath: ["person", "question"] });
    const outbox = new Outbox();
    outbox.#database = await settled(request);
    outbox.#person = person;
    outbox.#changed = changed;
    outbox.#signedOut = signedOut;
    return outbox;
  }

  async put(answer) {
    this.#fresh.set(answer.question, answer);
    await this.#write((store) => store.put({ ...answer, person: this.#person }));
    this.#later();
  }

  async waiting() {
    const store = this.#database.transaction("answers").objectStore("answers");
    return settled(store.getAll(IDBKeyRange.bound([this.#person], [this.#person, []])));
  }

  // Send the unsent answers; return whether all have arrived. Further tries follow until they have.
  send() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#sending = this.#sending.then(() => this.#sendAll());
    return this.#sending;
  }

  // Send the answers of this page now: it may be closed before it could read the database.
  hurry() {
    const given = [...this.#fresh.values()].filter((one) => !this.#isRefused(one));
    if (given.length) this.#deliver(given).catch(() => {}); // a later try reports the failure
  }

  async #sendAll() {
    try {
      const given = (await this.waiting()).filter((one) => !this.#isRefused(one));
      if (given.length) await this.#deliver(given);
      this.isLate = false;
      this.#pause = SOON;
    } catch (error) {
      this.isLate = true;
      this.#pause = Math.min(2 * this.#pause, LATE);
      if (error instanceof SignedOut) this.#signedOut();
      else this.#later();
    }
    await this.#tell();
    return !this.isLate;
  }

  async #deliver(given) {
    try {
      const answers = given.map(({ person, ...answer }) => answer);
      const { kept } = await post("answers", { answers, reveal: false }, { keepalive: true });
      await this.#remove(kept);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (given.length === 1) this.#refuse(given[0], error);
      else for (const one of given) await this.#deliver([one]);
    }
  }

  #refuse({ question, revision }, error) {
    console.warn(`The server rejected the answer to question ${question}: ${error.message}`);
    this.#refused.set(question, revision);
  }

  #isRefused({ question, revision }) {
    return this.#refused.get(question) === revision;
  }

  // Delete the rejected answers.
  discard() {
    return this.#remove([...this.#refused]);
  }

  // An answer that was changed meanwhile stays.
  async #remove(kept) {
    for (const [question, revision] of kept) {
      if (this.#fresh.get(question)?.revision <= revision) this.#fresh.delete(question);
    }
    await this.#write((store) => {
      for (const [question, revision] of kept) {
        const key = [this.#person, question];
        const request = store.get(key);
        request.onsuccess = () => request.result?.revision <= revision && store.delete(key);
      }
    });
  }

  async #write(change) {
    const transaction = this.#database.transaction("answers", "readwrite", { durability: "strict" });
    change(transaction.objectStore("answers"));
    await settled(transaction);
    await this.#tell();
  }

  // If the database cannot be read, the page keeps its last message.
  async #tell() {
    const given = await this.waiting().catch(() => null);
    if (!given) return;
    const refused = given.filter((one) => this.#isRefused(one)).length;
    this.#changed({ waiting: given.length - refused, refused });
  }

  #later() {
    this.#timer ??= setTimeout(() => this.send(), 1000 * this.#pause);
  }
}
