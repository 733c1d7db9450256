// The token of a personal link stands after its #, which no browser sends: this reads it, and enters.
import { post, Refused, SignedOut } from "./server.js";

const link = document.querySelector("#link");
const notice = document.querySelector("#notice");

async function enter(token) {
  notice.textContent = "";
  try {
    await post("enter", { token });
    location.replace("./");
  } catch (error) {
    if (error instanceof SignedOut || error instanceof Refused) notice.textContent = error.message;
    else notice.textContent = "The server cannot be reached. Please try again.";
    link.focus();
  }
}

document.querySelector("#enter").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(link.value.trim().split("#").pop());
});

// Also when a link is opened in a tab that shows this page already: then only what follows the # changes.
function followFragment() {
  const token = location.hash.slice(1);
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  enter(token);
}

addEventListener("hashchange", followFragment);
followFragment();
