// The owner page: handles its buttons, and updates its numbers.
import { post, reach, Refused, send, SignedOut } from "./server.js";

const EVERY = 10_000; // milliseconds between updates of the numbers
const PATIENT = { patience: 120_000 }; // timeout in milliseconds: updates and actions may be slow
const byId = (id) => document.getElementById(id);

const isBusy = () => document.querySelector("[aria-busy], dialog[open]") !== null;
const showNotice = (text) => (byId("notice").textContent = text);

/** Run some work and return its result. If it fails, show why and return null. */
async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SignedOut) location.assign("./"); // the server redirects to the page of the signed-in person
    else showNotice(error instanceof Refused ? error.message : "No connection, or the server cannot do this right now.");
    return null;
  }
}

/** Like `attempt`, but mark the button as busy until the work ends; other buttons are ignored meanwhile. */
async function attemptFor(button, work) {
  button.setAttribute("aria-busy", "true");
  const result = await attempt(work);
  button.removeAttribute("aria-busy");
  return result;
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

/** Update the numbers, after updates that are already running. */
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
  const open = [...document.querySelectorAll("details[open]")].map((details) => details.id);
  const focused = document.activeElement?.getAttribute("aria-label");
  for (const part of document.querySelectorAll("[data-live]")) {
    part.replaceWith(document.adoptNode(page.getElementById(part.id)));
  }
  for (const id of open) byId(id)?.setAttribute("open", "");
  if (focused) document.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}

/** Create a link and show it once; return whether it was created. */
async function showLink(button, content, name) {
  const response = await attemptFor(button, () => post("owner/invite", content, PATIENT));
  if (!response) return false;
  byId("link-text").value = new URL(response.link, document.baseURI).href;
  byId("link-name").textContent = name;
  byId("link-copied").textContent = "";
  byId("link").showModal();
  byId("link-text").select();
  byId("link").addEventListener("close", () => { byId("link-text").value = ""; renew(); }, { once: true });
  return true;
}

/** Copy the link. Without https, browsers allow only the older command, which copies the selected text. */
async function copyLink() {
  const field = byId("link-text");
  field.select();
  const isCopied = navigator.clipboard
    ? await navigator.clipboard.writeText(field.value).then(() => true, () => false)
    : document.execCommand("copy");
  byId("link-copied").textContent = isCopied ? "Copied." : "Not copied. Press Ctrl-C to copy the link.";
}

/** Download the votes as a zip file. */
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
  const { do: action, person, link, export: kind, ask: question, danger } = button.dataset;
  showNotice("");
  if (kind !== undefined) return save(button, kind === "names");
  if (button.id === "sign-out") {
    if (await attempt(() => post("sign-out"))) location.assign("sign-in");
    return;
  }
  if (!(await isSure(question, danger !== undefined))) return;
  if (link) return showLink(button, { person: Number(link) }, button.dataset.name);
  if (!action) return;
  const content = person ? { person: Number(person) } : {};
  if (await attemptFor(button, () => post(`owner/${action}`, content, PATIENT))) await renew();
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

async function renewRegularly() {
  if (!document.hidden && !isBusy()) await renew();
  setTimeout(renewRegularly, EVERY);
}

setTimeout(renewRegularly, EVERY);
