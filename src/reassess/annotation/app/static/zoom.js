// The image enlarged in a dialog, which also shows the class that the next answer is for.

const page = document.querySelector("#image");
const dialog = document.querySelector("#zoomed");
const view = document.querySelector("#zoom-view");
const asked = document.querySelector("#zoom-asked");
const STEPS = [1, 1.5, 2, 3, 4, 6, 8]; // sizes, relative to the size that fits the window
const PAN = 60; // pixels that an arrow key moves the image

const isOpen = () => dialog.open;

let scale = 1;
let row = null; // what the next answer is for
let before = null; // {scale, part} while a key shows the whole image

// Enlarge the image around the pointer, or around its middle; if it is enlarged already, close the dialog.
export function toggle(event) {
  if (isOpen()) close();
  else open(STEPS[2], event);
}

export function close() {
  dialog.close();
}

// Show the whole image as large as the window while a key is held; afterwards, what was there before.
export function whole(isHeld) {
  if (isHeld && !before) {
    before = isOpen() ? { scale, part: partAt(picture().getBoundingClientRect(), centre()) } : { scale: null };
    if (isOpen()) resize(1);
    else open(1);
  } else if (!isHeld && before) {
    const { scale: earlier, part } = before;
    before = null;
    if (earlier === null) dialog.close();
    else if (isOpen()) {
      resize(earlier);
      move(part, centre());
    }
  }
}

// Zoom by some steps, so that the same part of the image stays at a point of the window.
export function enlarge(steps, point = centre()) {
  const larger = STEPS.find((one) => one > scale + 0.01) ?? STEPS.at(-1);
  const smaller = STEPS.findLast((one) => one < scale - 0.01) ?? 1;
  zoomTo(steps > 0 ? larger : smaller, point);
}

// Move the view over the image.
export function pan(across, down) {
  view.scrollLeft += PAN * across;
  view.scrollTop += PAN * down;
}

// Note which class the next answer is for, and its answer; null if no answer is possible.
export function ask(chosen) {
  row = chosen;
  if (isOpen()) showRow();
}

function showRow() {
  asked.hidden = !row;
  if (!row) return;
  asked.querySelector("#zoom-class").textContent = row.name;
  asked.querySelector("kbd").textContent = row.number;
  for (const button of asked.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.answer) === row.answer));
  }
}

// `answered` gets the answer whose button was pressed; `closed` is called when the dialog closes.
export function watch(answered, closed) {
  dialog.addEventListener("close", () => {
    if (isOpen()) return; // opened again before the event came
    before = null;
    view.replaceChildren();
    for (const button of asked.querySelectorAll("button")) button.setAttribute("aria-pressed", "false");
    closed();
  });
  page.addEventListener("click", toggle);
  addEventListener("resize", () => isOpen() && zoomTo(scale, centre()));
  dialog.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button?.dataset.zoom) enlarge(Number(button.dataset.zoom));
    if (!button?.dataset.answer) return;
    view.focus(); // as on the page, where the next class gets the focus
    answered(Number(button.dataset.answer));
  });
  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    enlarge(event.deltaY < 0 ? 1 : -1, [event.clientX, event.clientY]);
  }, { passive: false });
  watchPointers();
}

// One pointer drags the image, two enlarge it: a mouse, a pen or fingers.
function watchPointers() {
  const down = new Map();
  view.addEventListener("pointerdown", ({ pointerId, button, clientX, clientY }) => {
    if (button || down.size === 2) return;
    view.setPointerCapture(pointerId);
    down.set(pointerId, [clientX, clientY]);
  });
  view.addEventListener("pointermove", ({ pointerId, clientX, clientY }) => {
    if (!down.has(pointerId) || !isOpen()) return;
    const earlier = [...down.values()];
    down.set(pointerId, [clientX, clientY]);
    const now = [...down.values()];
    const part = partAt(picture().getBoundingClientRect(), mean(earlier));
    if (now.length === 2) resize((scale * span(now)) / (span(earlier) || 1));
    move(part, mean(now));
  });
  for (const end of ["pointerup", "pointercancel"]) view.addEventListener(end, ({ pointerId }) => down.delete(pointerId));
}

function open(size, event) {
  const shown = page.querySelector("img");
  if (!shown) return;
  const part = event ? partAt(fitted(shown), [event.clientX, event.clientY]) : [0.5, 0.5];
  const copy = new Image();
  copy.src = shown.src;
  copy.alt = shown.alt;
  copy.draggable = false;
  view.replaceChildren(copy);
  showRow();
  dialog.showModal();
  resize(size);
  move(part, centre());
  view.focus();
}

const picture = () => view.firstElementChild;

function zoomTo(size, point) {
  const part = partAt(picture().getBoundingClientRect(), point);
  resize(size);
  move(part, point);
}

function resize(size) {
  const { naturalWidth, naturalHeight } = page.querySelector("img");
  const { style } = picture();
  scale = Math.min(STEPS.at(-1), Math.max(1, size));
  const fit = Math.min(view.clientWidth / naturalWidth, view.clientHeight / naturalHeight);
  style.width = `${Math.floor(naturalWidth * fit * scale)}px`;
  style.height = `${Math.floor(naturalHeight * fit * scale)}px`;
}

// Scroll a part of the image to a point of the window, as far as possible.
function move([across, down], [x, y]) {
  const box = picture().getBoundingClientRect();
  view.scrollLeft += box.left + across * box.width - x;
  view.scrollTop += box.top + down * box.height - y;
}

const centre = () => middle(view.getBoundingClientRect());
const middle = (box) => [box.left + box.width / 2, box.top + box.height / 2];
const partAt = (box, [x, y]) => [(x - box.left) / box.width, (y - box.top) / box.height];
const mean = (points) => [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
const span = ([[x0, y0], [x1, y1]]) => Math.hypot(x1 - x0, y1 - y0);

// The place of the image on the page, without the empty space beside it.
function fitted(image) {
  const box = image.getBoundingClientRect();
  const fit = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  const [width, height] = [fit * image.naturalWidth, fit * image.naturalHeight];
  const [x, y] = middle(box);
  return { left: x - width / 2, top: y - height / 2, width, height };
}
