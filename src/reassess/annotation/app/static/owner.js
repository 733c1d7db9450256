// The owner page: handles its buttons, and updates its numbers.
import { post, request, Refused, send, SignedOut } from "./server.js";

const UPDATE_INTERVAL_MS = 10_000; // between updates of the numbers
const SLOW_REQUEST = { timeoutMs: 120_000 }; // updates and actions may be slow
const byId = (id) => document.getElementById(id);

const isBusy = () => document.querySelector("[aria-busy], dialog[open]") !== null;
const showNotice = (text) => (byId("notice").textContent = text);

/** Run some work and return its result. If it fails, show why and return null. */
async function tryWork(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SignedOut) location.assign("./"); // the server redirects to the page of the signed-in person
    else showNotice(error instanceof Refused ? error.message : "No connection, or the server cannot do this right now.");
    return null;
  }
}

/** Like `tryWork`, but mark the button as busy until the work ends; other buttons are ignored meanwhile. */
async function tryWorkOfButton(button, work) {
  button.setAttribute("aria-busy", "true");
  const result = await tryWork(work);
  button.removeAttribute("aria-busy");
  return result;
}

/** Ask the owner for confirmation, if the button needs one. */
function confirmAction(question, isDangerous) {
  if (!question) return Promise.resolve(true);
  const dialog = byId("sure");
  byId("sure-text").textContent = question;
  byId("sure-yes").classList.toggle("danger", isDangerous);
  dialog.returnValue = "";
  dialog.showModal();
  byId(isDangerous ? "sure-no" : "sure-yes").focus();
  return new Promise((resolve) => {
    // The event of an earlier question can arrive late, when the dialog is open again.
    dialog.onclose = () => { if (!dialog.open) resolve(dialog.returnValue === "yes"); };
  });
}

let updating = Promise.resolve();

/** Update the numbers, after updates that are already running. */
function updateNumbers() {
  updating = updating.then(() => tryWork(fetchNumbers));
  return updating;
}

/** Fetch the numbers. Open details stay open, and the focus stays where it is. */
async function fetchNumbers() {
  const answer = await request(`owner${location.search}`, SLOW_REQUEST);
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
  const response = await tryWorkOfButton(button, () => post("owner/invite", content, SLOW_REQUEST));
  if (!response) return false;
  byId("link-text").value = new URL(response.link, document.baseURI).href;
  byId("link-name").textContent = name;
  byId("link-copied").textContent = "";
  byId("link").showModal();
  byId("link-text").select();
  byId("link").addEventListener("close", () => { byId("link-text").value = ""; updateNumbers(); }, { once: true });
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
async function downloadVotes(button, names) {
  const file = await tryWorkOfButton(button, async () => (await send("owner/export", { names }, SLOW_REQUEST)).blob());
  if (!file) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = "export.zip";
  link.click();
  URL.revokeObjectURL(link.href);
  await updateNumbers();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button || button.form || isBusy()) return;
  const { do: action, person, link, export: kind, ask: question, danger } = button.dataset;
  showNotice("");
  if (kind !== undefined) return downloadVotes(button, kind === "names");
  if (button.id === "sign-out") {
    if (await tryWork(() => post("sign-out"))) location.assign("sign-in");
    return;
  }
  if (!(await confirmAction(question, danger !== undefined))) return;
  if (link) return showLink(button, { person: Number(link) }, button.dataset.name);
  if (!action) return;
  const content = person ? { person: Number(person) } : {};
  if (await tryWorkOfButton(button, () => post(`owner/${action}`, content, SLOW_REQUEST))) await updateNumbers();
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

async function updateRegularly() {
  if (!document.hidden && !isBusy()) await updateNumbers();
  setTimeout(updateRegularly, UPDATE_INTERVAL_MS);
}

setTimeout(updateRegularly, UPDATE_INTERVAL_MS);
