// The enlarged image, in a dialog that also shows the class to answer next.

const page = document.querySelector("#image");
const dialog = document.querySelector("#zoomed");
const view = document.querySelector("#zoom-view");
const question = document.querySelector("#zoom-question");
const SCALES = [1, 1.5, 2, 3, 4, 6, 8]; // sizes, relative to the size that fits the window
const PAN_PIXELS = 60; // pixels that an arrow key moves the image

const isOpen = () => dialog.open;

let scale = 1;
let row = null; // the row that the next answer is for
let earlierView = null; // {scale, part} while a key shows the whole image

// Enlarge the image around the pointer or its centre; if it is already enlarged, close the dialog.
export function toggle(event) {
  if (isOpen()) close();
  else open(SCALES[2], event);
}

export function close() {
  dialog.close();
}

// Fit the whole image to the window while a key is held; then restore the earlier view.
export function showWhole(isHeld) {
  if (isHeld && !earlierView) {
    earlierView = isOpen() ? { scale, part: partAt(enlarged().getBoundingClientRect(), centre()) } : { scale: null };
    if (isOpen()) resize(1);
    else open(1);
  } else if (!isHeld && earlierView) {
    const { scale: earlier, part } = earlierView;
    earlierView = null;
    if (earlier === null) dialog.close();
    else if (isOpen()) {
      resize(earlier);
      move(part, centre());
    }
  }
}

// Zoom by some steps, and keep the part of the image under a point of the window where it is.
export function enlarge(steps, point = centre()) {
  const larger = SCALES.find((step) => step > scale + 0.01) ?? SCALES.at(-1);
  const smaller = SCALES.findLast((step) => step < scale - 0.01) ?? 1;
  zoomTo(steps > 0 ? larger : smaller, point);
}

export function pan(across, down) {
  view.scrollLeft += PAN_PIXELS * across;
  view.scrollTop += PAN_PIXELS * down;
}

// Set the row that the next answer is for; null if no answer is possible.
export function setRow(newRow) {
  row = newRow;
  if (isOpen()) showRow();
}

function showRow() {
  question.hidden = !row;
  if (!row) return;
  question.querySelector("#zoom-class").textContent = row.name;
  question.querySelector("kbd").textContent = row.number;
  for (const button of question.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.answer) === row.answer));
  }
}

// `onAnswer` receives the answer of a pressed button; `onClose` runs when the dialog closes.
export function watch(onAnswer, onClose) {
  dialog.addEventListener("close", () => {
    if (isOpen()) return; // opened again before this event arrived
    earlierView = null;
    view.replaceChildren();
    for (const button of question.querySelectorAll("button")) button.setAttribute("aria-pressed", "false");
    onClose();
  });
  page.addEventListener("click", toggle);
  addEventListener("resize", () => isOpen() && zoomTo(scale, centre()));
  dialog.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button?.dataset.zoom) enlarge(Number(button.dataset.zoom));
    if (!button?.dataset.answer) return;
    view.focus(); // not on the button, since the next answer is for another class
    onAnswer(Number(button.dataset.answer));
  });
  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    enlarge(event.deltaY < 0 ? 1 : -1, [event.clientX, event.clientY]);
  }, { passive: false });
  watchPointers();
}

// One pointer (mouse, pen or finger) drags the image; two pointers enlarge it.
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
    const part = partAt(enlarged().getBoundingClientRect(), mean(earlier));
    if (now.length === 2) resize((scale * span(now)) / (span(earlier) || 1));
    move(part, mean(now));
  });
  for (const end of ["pointerup", "pointercancel"]) view.addEventListener(end, ({ pointerId }) => down.delete(pointerId));
}

function open(size, event) {
  const image = page.querySelector("img");
  if (!image) return;
  const part = event ? partAt(visibleBox(image), [event.clientX, event.clientY]) : [0.5, 0.5];
  const copy = new Image();
  copy.src = image.src;
  copy.alt = image.alt;
  copy.draggable = false;
  view.replaceChildren(copy);
  showRow();
  dialog.showModal();
  resize(size);
  move(part, centre());
  view.focus();
}

const enlarged = () => view.firstElementChild;

function zoomTo(size, point) {
  const part = partAt(enlarged().getBoundingClientRect(), point);
  resize(size);
  move(part, point);
}

function resize(size) {
  const { naturalWidth, naturalHeight } = page.querySelector("img");
  const { style } = enlarged();
  scale = Math.min(SCALES.at(-1), Math.max(1, size));
  const fit = Math.min(view.clientWidth / naturalWidth, view.clientHeight / naturalHeight);
  style.width = `${Math.floor(naturalWidth * fit * scale)}px`;
  style.height = `${Math.floor(naturalHeight * fit * scale)}px`;
}

// Scroll so that a part of the image is at a point of the window, as far as possible.
function move([across, down], [x, y]) {
  const box = enlarged().getBoundingClientRect();
  view.scrollLeft += box.left + across * box.width - x;
  view.scrollTop += box.top + down * box.height - y;
}

const centre = () => middle(view.getBoundingClientRect());
const middle = (box) => [box.left + box.width / 2, box.top + box.height / 2];
const partAt = (box, [x, y]) => [(x - box.left) / box.width, (y - box.top) / box.height];
const mean = (points) => [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
const span = ([[x0, y0], [x1, y1]]) => Math.hypot(x1 - x0, y1 - y0);

// Return the box of the image on the page, without the empty space beside the image.
function visibleBox(image) {
  const box = image.getBoundingClientRect();
  const fit = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  const [width, height] = [fit * image.naturalWidth, fit * image.naturalHeight];
  const [x, y] = middle(box);
  return { left: x - width / 2, top: y - height / 2, width, height };
}
