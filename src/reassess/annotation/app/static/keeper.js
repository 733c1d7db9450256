// The keeper's page: what its buttons do, and that its numbers stay up to date.
import { post, reach, Refused, send, SignedOut } from "./server.js";

const EVERY = 10_000; // milliseconds from one look at the numbers to the next
const PATIENT = { patience: 120_000 }; // milliseconds that one, or what a button does, may take
const byId = (id) => document.getElementById(id);

const isBusy = () => document.querySelector("[aria-busy], dialog[open]") !== null;
const say = (text) => (byId("notice").textContent = text);

/** What some work gives; null if it fails, which the page then says. */
async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SignedOut) location.assign("./"); // which leads to the page of who is signed in, if anybody
    else say(error instanceof Refused ? error.message : "The server cannot be reached, or cannot do this now.");
    return null;
  }
}

/** As `attempt`; meanwhile the button says that it works, and no other does anything. */
async function attemptFor(button, work) {
  button.setAttribute("aria-busy", "true");
  const given = await attempt(work);
  button.removeAttribute("aria-busy");
  return given;
}

/** Whether the keeper is sure, where a button asks. */
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

/** Show the numbers as they are now, after any look at them that has begun. */
function renew() {
  renewing = renewing.then(() => attempt(look));
  return renewing;
}

/** Look at the numbers; what is open stays open, and what has the focus keeps it. */
async function look() {
  const answer = await reach(`keeper${location.search}`, PATIENT);
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

/** Show a link, this once; whether one was made. */
async function showLink(button, said) {
  const made = await attemptFor(button, () => post("keeper/invite", said, PATIENT));
  if (!made) return false;
  byId("link-text").value = new URL(made.link, document.baseURI).href;
  byId("link").showModal();
  byId("link-text").select();
  byId("link").addEventListener("close", () => { byId("link-text").value = ""; renew(); }, { once: true });
  return true;
}

/** Save the votes as a file. */
async function save(button, names) {
  const file = await attemptFor(button, async () => (await send("keeper/export", { names }, PATIENT)).blob());
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
  say("");
  if (kind !== undefined) return save(button, kind === "names");
  if (button.id === "leave") {
    if (await attempt(() => post("leave"))) location.assign("enter");
    return;
  }
  if (!(await isSure(question, danger !== undefined))) return;
  if (link) return showLink(button, { person: Number(link) });
  if (!what) return;
  const said = person ? { person: Number(person) } : {};
  if (await attemptFor(button, () => post(`keeper/${what}`, said, PATIENT))) await renew();
});

byId("invite").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (isBusy()) return;
  say("");
  const form = event.target;
  const said = { name: form.elements.name.value, role: form.elements.role.value };
  if (await showLink(form.querySelector("button"), said)) form.reset();
});

async function keepUp() {
  if (!document.hidden && !isBusy()) await renew();
  setTimeout(keepUp, EVERY);
}

setTimeout(keepUp, EVERY);
