// The image on the page.
import { reach } from "./server.js";

const place = document.querySelector("#image");

// An image, decoded before it is shown; null if the server cannot show it.
export async function load(address) {
  const image = new Image();
  image.alt = "The image to judge";
  image.src = address;
  image.draggable = false;
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
