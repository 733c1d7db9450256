// Answers that are on their way: each is written down when it is given, and stays until the server has it.
//
// They are kept in the browser's database, by the person who gave them and the question. So they outlive a closed tab,
// and nobody sends those of somebody else. A question has one answer here, the last; the server knows by its revision
// whether it has it already.
import { post, Refused, SignedOut } from "./server.js";

const SOON = 3; // seconds until what waits is sent
const LATE = 15; // seconds at most between two tries

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = request.oncomplete = () => resolve(request.result);
    request.onerror = request.onabort = () => reject(request.error);
  });

export class Outbox {
  isLate = false; // whether the last try failed
  #database;
  #owner;
  #changed;
  #signedOut;
  #refused = new Map(); // revisions that the server does not take, by question; they are not sent again by this page
  #fresh = new Map(); // answers given on this page that the server has not got yet, by question
  #sending = Promise.resolve();
  #timer = null;
  #pause = SOON;

  // `changed` is called with the numbers of answers that wait and that were refused, `signedOut` when the session has
  // ended.
  static async open(owner, { changed, signedOut }) {
    const request = indexedDB.open(`reassess ${location.pathname}`, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("answers", { keyPath: ["owner", "question"] });
    const outbox = new Outbox();
    outbox.#database = await settled(request);
    outbox.#owner = owner;
    outbox.#changed = changed;
    outbox.#signedOut = signedOut;
    return outbox;
  }

  async put(answer) {
    this.#fresh.set(answer.question, answer);
    await this.#write((store) => store.put({ ...answer, owner: this.#owner }));
    this.#later();
  }

  async waiting() {
    const store = this.#database.transaction("answers").objectStore("answers");
    return settled(store.getAll(IDBKeyRange.bound([this.#owner], [this.#owner, []])));
  }

  // Send what waits; whether all of it has arrived. Until it has, further tries follow by themselves.
  send() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#sending = this.#sending.then(() => this.#sendAll());
    return this.#sending;
  }

  // Send what was given here, now: the page may be closed before it could look into the database.
  hurry() {
    const given = [...this.#fresh.values()].filter((one) => !this.#isRefused(one));
    if (given.length) this.#deliver(given).catch(() => {}); // a later try says what failed
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
      const answers = given.map(({ owner, ...answer }) => answer);
      const { kept } = await post("answers", { answers, reveal: false }, { keepalive: true });
      await this.#remove(kept);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (given.length === 1) this.#refuse(given[0], error);
      else for (const one of given) await this.#deliver([one]);
    }
  }

  #refuse({ question, revision }, error) {
    console.warn(`The answer to question ${question} was refused: ${error.message}`);
    this.#refused.set(question, revision);
  }

  #isRefused({ question, revision }) {
    return this.#refused.get(question) === revision;
  }

  // Forget the answers that were refused.
  drop() {
    return this.#remove([...this.#refused]);
  }

  // Of an answer that was changed meanwhile, the later one stays.
  async #remove(kept) {
    for (const [question, revision] of kept) {
      if (this.#fresh.get(question)?.revision <= revision) this.#fresh.delete(question);
    }
    await this.#write((store) => {
      for (const [question, revision] of kept) {
        const key = [this.#owner, question];
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

  // If the database cannot be read, the page goes on saying what it said.
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
