// The image on the page, and an enlarged view of it.
import { reach } from "./server.js";

const place = document.querySelector("#image");
const dialog = document.querySelector("#zoomed");
const view = document.querySelector("#zoom-view");
const STEPS = [1, 1.5, 2, 3, 4, 6, 8];

// An image, decoded before it is shown; null if the server cannot show it.
export async function load(address) {
  const image = new Image();
  image.alt = "The image to judge";
  image.src = address;
  try {
    await image.decode();
    return image;
  } catch {
    await reach(address); // raises an error if the connection is lost
    return null;
  }
}

export function show(image) {
  if (image) {
    place.replaceChildren(image);
    return;
  }
  const words = document.createElement("p");
  words.className = "not-shown";
  words.textContent = "This image cannot be shown. Press c to skip it.";
  place.replaceChildren(words);
}

place.addEventListener("click", zoomIn);
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

// Enlarge the image around the pointer, or around its middle.
export function zoomIn(event) {
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

// Zoom so that the same part of the image stays at a point of the window.
function zoom(steps, point = middle(view.getBoundingClientRect())) {
  const part = partAt(view.firstElementChild.getBoundingClientRect(), point);
  resize(steps);
  move(part, point);
}

// Sizes are steps, relative to the size that fits the window.
function resize(steps) {
  const { naturalWidth, naturalHeight } = place.querySelector("img");
  const { style } = view.firstElementChild;
  step = Math.min(STEPS.length - 1, Math.max(0, step + steps));
  const fit = Math.min(view.clientWidth / naturalWidth, view.clientHeight / naturalHeight);
  style.width = `${Math.floor(naturalWidth * fit * STEPS[step])}px`;
  style.height = `${Math.floor(naturalHeight * fit * STEPS[step])}px`;
}

// Scroll a part of the image to a point of the window, as far as possible.
function move([across, down], [x, y]) {
  const box = view.firstElementChild.getBoundingClientRect();
  view.scrollLeft += box.left + across * box.width - x;
  view.scrollTop += box.top + down * box.height - y;
}

const middle = (box) => [box.left + box.width / 2, box.top + box.height / 2];
const partAt = (box, [x, y]) => [(x - box.left) / box.width, (y - box.top) / box.height];

// The place of the image on the page, without the empty space beside it.
function fitted(image) {
  const box = image.getBoundingClientRect();
  const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  const [width, height] = [scale * image.naturalWidth, scale * image.naturalHeight];
  const [x, y] = middle(box);
  return { left: x - width / 2, top: y - height / 2, width, height };
}
