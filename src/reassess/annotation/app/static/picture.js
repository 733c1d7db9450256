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

place.addEventListener("click", () => look());
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
  zoom(event.deltaY < 0 ? 1 : -1);
}, { passive: false });

let step = 0;

export function look() {
  const shown = place.querySelector("img");
  if (!shown) return;
  const copy = new Image();
  copy.src = shown.src;
  copy.alt = shown.alt;
  view.replaceChildren(copy);
  dialog.showModal();
  step = 0;
  zoom(2);
  view.focus();
}

// Sizes are steps of what fits the window; the middle of the view stays where it is.
function zoom(steps) {
  const image = view.firstElementChild;
  const middle = [
    (view.scrollLeft + view.clientWidth / 2) / view.scrollWidth,
    (view.scrollTop + view.clientHeight / 2) / view.scrollHeight,
  ];
  step = Math.min(STEPS.length - 1, Math.max(0, step + steps));
  const shown = place.querySelector("img");
  const fit = Math.min(view.clientWidth / shown.naturalWidth, view.clientHeight / shown.naturalHeight);
  image.style.width = `${Math.floor(shown.naturalWidth * fit * STEPS[step])}px`;
  image.style.height = `${Math.floor(shown.naturalHeight * fit * STEPS[step])}px`;
  view.scrollLeft = middle[0] * view.scrollWidth - view.clientWidth / 2;
  view.scrollTop = middle[1] * view.scrollHeight - view.clientHeight / 2;
}
