// Loading an image, and showing it on the page.
import { request } from "./server.js";

const container = document.querySelector("#image");

// Load and decode an image; null if the server cannot show it.
export async function loadImage(address) {
  const image = new Image();
  image.alt = "The image to judge";
  image.src = address;
  image.draggable = false;
  try {
    await image.decode();
    return image;
  } catch {
    await request(address); // throws an error if the connection is lost
    return null;
  }
}

export function showImage(image) {
  if (image) {
    container.replaceChildren(image);
    return;
  }
  const message = document.createElement("p");
  message.className = "not-shown";
  message.textContent = "This image cannot be shown. Press c to skip it.";
  container.replaceChildren(message);
}
