// The owner page: its buttons, and its numbers, which stay up to date.
import { post, reach, Refused, send, SignedOut } from "./server.js";

const EVERY = 10_000; // milliseconds between two updates of the numbers
const PATIENT = { patience: 120_000 }; // milliseconds that an update, or the work of a button, may take
const byId = (id) => document.getElementById(id);

const isBusy = () => document.querySelector("[aria-busy], dialog[open]") !== null;
const showNotice = (text) => (byId("notice").textContent = text);

/** Return the result of some work; null if it fails, and the page says why. */
async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SignedOut) location.assign("./"); // leads to the page of the person who is signed in
    else showNotice(error instanceof Refused ? error.message : "No connection, or the server cannot do this now.");
    return null;
  }
}

/** As `attempt`; meanwhile the button shows that it is busy, and other buttons do nothing. */
async function attemptFor(button, work) {
  button.setAttribute("aria-busy", "true");
  const given = await attempt(work);
  button.removeAttribute("aria-busy");
  return given;
}

/** Ask the owner for confirmation, if the button needs one. */
function isSure(question, isDangerous) {
  if (!question) return Promise.resolve(true);
  const dialog = byId("sure");
  byId("sure-text").textContent = question;
  byId("sure-yes").classList.toggle("danger", isDangerous);
  dialog.returnValue = "";
  dialog.showModal();
  byId(isDangerous ? "sure-no" : "sure-yes").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

let renewing = Promise.resolve();

/** Update the numbers, after any update that has begun. */
function renew() {
  renewing = renewing.then(() => attempt(update));
  return renewing;
}

/** Fetch the numbers. Open details stay open, and the focus stays where it is. */
async function update() {
  const answer = await reach(`owner${location.search}`, PATIENT);
  if (answer.status === 401) throw new SignedOut();
  const text = await answer.text();
  if (!answer.ok || isBusy()) return;
  const page = new DOMParser().parseFromString(text, "text/html");
  const open = [...document.querySelectorAll("details[open]")].map((one) => one.id);
  const focused = document.activeElement?.getAttribute("aria-label");
  for (const part of document.querySelectorAll("[data-live]")) {
    part.replaceWith(document.adoptNode(page.getElementById(part.id)));
  }
  for (const id of open) byId(id)?.setAttribute("open", "");
  if (focused) document.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}

/** Make a link and show it once; return whether it was made. */
async function showLink(button, content, name) {
  const made = await attemptFor(button, () => post("owner/invite", content, PATIENT));
  if (!made) return false;
  byId("link-text").value = new URL(made.link, document.baseURI).href;
  byId("link-name").textContent = name;
  byId("link-copied").textContent = "";
  byId("link").showModal();
  byId("link-text").select();
  byId("link").addEventListener("close", () => { byId("link-text").value = ""; renew(); }, { once: true });
  return true;
}

/** Copy the link; without https, browsers allow only the older way, which copies what is selected. */
async function copyLink() {
  const field = byId("link-text");
  field.select();
  const isCopied = navigator.clipboard
    ? await navigator.clipboard.writeText(field.value).then(() => true, () => false)
    : document.execCommand("copy");
  byId("link-copied").textContent = isCopied ? "Copied." : "Not copied. Press Ctrl-C to copy the link.";
}

/** Save the votes as a file. */
async function save(button, names) {
  const file = await attemptFor(button, async () => (await send("owner/export", { names }, PATIENT)).blob());
  if (!file) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = "export.zip";
  link.click();
  URL.revokeObjectURL(link.href);
  await renew();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button || button.form || isBusy()) return;
  const { do: what, person, link, export: kind, ask: question, danger } = button.dataset;
  showNotice("");
  if (kind !== undefined) return save(button, kind === "names");
  if (button.id === "sign-out") {
    if (await attempt(() => post("sign-out"))) location.assign("sign-in");
    return;
  }
  if (!(await isSure(question, danger !== undefined))) return;
  if (link) return showLink(button, { person: Number(link) }, button.dataset.name);
  if (!what) return;
  const content = person ? { person: Number(person) } : {};
  if (await attemptFor(button, () => post(`owner/${what}`, content, PATIENT))) await renew();
});

byId("link-copy").addEventListener("click", copyLink);

byId("invite").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (isBusy()) return;
  showNotice("");
  const form = event.target;
  const content = { name: form.elements.name.value, role: form.elements.role.value };
  if (await showLink(form.querySelector("button"), content, content.name)) form.reset();
});

async function keepUp() {
  if (!document.hidden && !isBusy()) await renew();
  setTimeout(keepUp, EVERY);
}

setTimeout(keepUp, EVERY);
