// One button: capture the session, send it with the pairing code, say what came of it.

import { PORTAL, RECEIVER } from "./place.js";
import { capture } from "./reading.js";

const outcome = document.getElementById("outcome");
const button = document.getElementById("send");

document.getElementById("portal").textContent = new URL(PORTAL).host;

document.getElementById("pairing").addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  outcome.textContent = "Sending…";
  try {
    outcome.textContent = await send(pairingCode());
  } catch (error) {
    outcome.textContent = error.message;
  } finally {
    button.disabled = false;
  }
});

/** What was typed, as the portal writes it: upper case, with the dash. */
function pairingCode() {
  const letters = document.getElementById("code").value.toUpperCase().replace(/[^A-Z0-9]/g, "");
  if (letters.length !== 8) throw new Error("A pairing code has eight letters and digits, such as ABCD-1234.");
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

/** The portal's sentence about the message. Plain text, so that the browser asks no question first; no cookie goes along. */
async function send(pairing_code) {
  const message = { version: 1, pairing_code, captured_at: new Date().toISOString(), ...(await capture()) };
  let answer;
  try {
    answer = await fetch(RECEIVER, { method: "POST", body: JSON.stringify(message), credentials: "omit", referrerPolicy: "no-referrer" });
  } catch {
    throw new Error("The portal does not answer. Check your internet, then try again.");
  }
  return (await answer.json()).message;
}
