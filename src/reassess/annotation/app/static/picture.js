// The picture on the page, and a closer look at it.
import { reach } from "./server.js";

const place = document.querySelector("#picture");
const dialog = document.querySelector("#closer");
const view = document.querySelector("#closer-view");
const STEPS = [1, 1.5, 2, 3, 4, 6, 8];

// An image that is decoded before it is shown; null if the server has none to show.
export async function load(address) {
  const image = new Image();
  image.alt = "The picture to judge";
  image.src = address;
  try {
    await image.decode();
    return image;
  } catch {
    await reach(address); // or else it is the connection that was lost
    return null;
  }
}

export function show(image) {
  if (image) {
    place.replaceChildren(image);
    return;
  }
  const words = document.createElement("p");
  words.className = "lacking";
  words.textContent = "This picture cannot be shown. Press c, and go on with the next one.";
  place.replaceChildren(words);
}

place.addEventListener("click", look);
dialog.addEventListener("click", (event) => {
  const button = event.target.closest("[data-zoom]");
  if (button) zoom(Number(button.dataset.zoom));
});
dialog.addEventListener("keydown", (event) => {
  if (event.key === "+" || event.key === "=") zoom(1);
  else if (event.key === "-") zoom(-1);
  else if (event.key === "z") dialog.close();
  else return;
  event.preventDefault();
});
view.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(event.deltaY < 0 ? 1 : -1, [event.clientX, event.clientY]);
}, { passive: false });

let step = 0;

// Look closer at what the pointer was on, or at the middle.
export function look(event) {
  const shown = place.querySelector("img");
  if (!shown) return;
  const part = event ? partAt(fitted(shown), [event.clientX, event.clientY]) : [0.5, 0.5];
  const copy = new Image();
  copy.src = shown.src;
  copy.alt = shown.alt;
  view.replaceChildren(copy);
  dialog.showModal();
  step = 0;
  resize(2);
  move(part, middle(view.getBoundingClientRect()));
  view.focus();
}

// What is at a point of the window stays there.
function zoom(steps, point = middle(view.getBoundingClientRect())) {
  const part = partAt(view.firstElementChild.getBoundingClientRect(), point);
  resize(steps);
  move(part, point);
}

// Sizes are steps of what fits the window.
function resize(steps) {
  const { naturalWidth, naturalHeight } = place.querySelector("img");
  const { style } = view.firstElementChild;
  step = Math.min(STEPS.length - 1, Math.max(0, step + steps));
  const fit = Math.min(view.clientWidth / naturalWidth, view.clientHeight / naturalHeight);
  style.width = `${Math.floor(naturalWidth * fit * STEPS[step])}px`;
  style.height = `${Math.floor(naturalHeight * fit * STEPS[step])}px`;
}

// Move a part of the picture to a point of the window, as far as there is anything to move.
function move([across, down], [x, y]) {
  const box = view.firstElementChild.getBoundingClientRect();
  view.scrollLeft += box.left + across * box.width - x;
  view.scrollTop += box.top + down * box.height - y;
}

const middle = (box) => [box.left + box.width / 2, box.top + box.height / 2];
const partAt = (box, [x, y]) => [(x - box.left) / box.width, (y - box.top) / box.height];

// Where the picture on the page is, without what is left free beside it.
function fitted(image) {
  const box = image.getBoundingClientRect();
  const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  const [width, height] = [scale * image.naturalWidth, scale * image.naturalHeight];
  const [x, y] = middle(box);
  return { left: x - width / 2, top: y - height / 2, width, height };
}
