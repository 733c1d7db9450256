// The token of a personal link follows its #, which no browser sends. This script reads it, and signs in.
import { post, Refused, SignedOut } from "./server.js";

const link = document.querySelector("#link");
const notice = document.querySelector("#notice");

async function signIn(token) {
  notice.textContent = "";
  try {
    await post("sign-in", { token });
    location.replace("./");
  } catch (error) {
    if (error instanceof SignedOut || error instanceof Refused) notice.textContent = error.message;
    else notice.textContent = "No connection. Please try again.";
    link.focus();
  }
}

document.querySelector("#sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(link.value.trim().split("#").pop());
});

// Also if a link is opened in a tab that shows this page already: then only the part after the # changes.
function followFragment() {
  const token = location.hash.slice(1);
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  signIn(token);
}

addEventListener("hashchange", followFragment);
followFragment();
