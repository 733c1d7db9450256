// Loading an image, and showing it on the page.
import { reach } from "./server.js";

const place = document.querySelector("#image");

// Load and decode an image; null if the server cannot show it.
export async function load(address) {
  const image = new Image();
  image.alt = "The image to judge";
  image.src = address;
  image.draggable = false;
  try {
    await image.decode();
    return image;
  } catch {
    await reach(address); // throws an error if the connection is lost
    return null;
  }
}

export function show(image) {
  if (image) {
    place.replaceChildren(image);
    return;
  }
  const message = document.createElement("p");
  message.className = "not-shown";
  message.textContent = "This image cannot be shown. Press c to skip it.";
  place.replaceChildren(message);
}
