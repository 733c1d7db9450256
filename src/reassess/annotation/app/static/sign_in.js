// Sign in with the token of a personal link. The token is the part after #, which browsers never send to a server.
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

// If a link is opened in a tab that already shows this page, only the part after # changes.
function followFragment() {
  const token = location.hash.slice(1);
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  signIn(token);
}

addEventListener("hashchange", followFragment);
followFragment();
