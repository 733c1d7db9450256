// The keeper's page: what its buttons do, and that its numbers stay up to date.

const EVERY = 10_000; // milliseconds from one look at the numbers to the next
const PATIENCE = 60_000; // milliseconds that one may take
const csrf = document.querySelector("meta[name=csrf]").content;
const byId = (id) => document.getElementById(id);

/** Ask the server; its answer, or null if it refuses, which the page then says. */
async function ask(path, said = {}) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  try {
    const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(said) });
    if (answer.status === 401) location.assign("enter");
    if (answer.ok) return answer;
    byId("notice").textContent = (await answer.json()).error;
  } catch {
    byId("notice").textContent = "The server cannot be reached.";
  }
  return null;
}

/** Whether the keeper is sure, where a button asks. */
function isSure(question) {
  if (!question) return Promise.resolve(true);
  const dialog = byId("sure");
  byId("sure-text").textContent = question;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

let renewing = Promise.resolve();

/** Show the numbers as they are now, after any look at them that has begun. */
function renew() {
  renewing = renewing.then(look);
  return renewing;
}

/** Look at the numbers; what is open stays open, and what has the focus keeps it. */
async function look() {
  let answer, text;
  try {
    answer = await fetch("keeper", { signal: AbortSignal.timeout(PATIENCE) });
    text = await answer.text();
  } catch {
    byId("notice").textContent = "The server cannot be reached.";
    return;
  }
  if (answer.redirected || answer.status === 401) return location.assign("enter");
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(text, "text/html");
  const open = [...document.querySelectorAll("details[open]")].map((one) => one.id);
  const focused = document.activeElement?.getAttribute("aria-label");
  byId("live").replaceWith(document.adoptNode(page.getElementById("live")));
  for (const id of open) byId(id)?.setAttribute("open", "");
  if (focused) document.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}

/** Show a link, this once. */
async function showLink(said) {
  const answer = await ask("keeper/invite", said);
  if (!answer) return;
  byId("link-text").value = new URL((await answer.json()).link, document.baseURI).href;
  byId("link").showModal();
  byId("link-text").select();
  byId("link").addEventListener("close", () => { byId("link-text").value = ""; }, { once: true });
  await renew();
}

/** Save the votes as a file. */
async function save(names) {
  const answer = await ask("keeper/export", { names });
  if (!answer) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = "export.zip";
  link.click();
  URL.revokeObjectURL(link.href);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button || button.form) return;
  const { do: what, person, link, export: kind, ask: question } = button.dataset;
  byId("notice").textContent = "";
  if (kind !== undefined) return save(kind === "names");
  if (button.id === "leave") {
    if (await ask("leave")) location.assign("enter");
    return;
  }
  if (!(await isSure(question))) return;
  if (link) return showLink({ person: Number(link) });
  if (what && (await ask(`keeper/${what}`, person ? { person: Number(person) } : {}))) await renew();
});

byId("invite").addEventListener("submit", async (event) => {
  event.preventDefault();
  byId("notice").textContent = "";
  const form = event.target;
  await showLink({ name: form.elements.name.value, role: form.elements.role.value });
  form.reset();
});

async function keepUp() {
  if (!document.hidden && !document.querySelector("dialog[open]")) await renew();
  setTimeout(keepUp, EVERY);
}

setTimeout(keepUp, EVERY);
