// A claim becomes fact step by step. It stays as it is for a moment at least, so that it can be read;
// then placed, then paid and reserved, then the rest is shown of it, however fast the server was. The
// truth stands in the page all the while: `data-shown` says how much of it is seen.

import { afterEach, lookAgain } from "./rows.js";

const HOLD = 300; // ms that a claim is seen
const STEP = 350; // ms between steps
const LAST = 3;
const TURNS = 600; // ms that a correction may move

const held = new Map(); // id of a row -> { step, due }
const turned = new Set(); // ids of rows that have just become what they are
let timer = 0;

/** From now on the row of this id is a claim: for as long as it is to be seen after its first frame. */
export function hold(id) {
  const one = { step: 0, due: Infinity };
  held.set(id, one);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    one.due = performance.now() + HOLD;
    lookAgain();
  }));
}

function tell(row, step) {
  const name = row.querySelector(".oid").textContent;
  const words = step < LAST ? "placed" : row.querySelector(".words .fact").textContent.trim();
  document.getElementById("orders-news").textContent = `${name} ${words}`;
}

/** The steps that are due, and when the next one is. */
function advance(now) {
  let next = Infinity;
  for (const [id, one] of held) {
    const row = document.getElementById(id);
    if (!row) held.delete(id);
    if (!row || row.classList.contains("ghost")) continue;
    if (now >= one.due) {
      one.step += 1;
      one.due = now + STEP;
      if (one.step !== 2) tell(row, one.step);
      if (one.step === LAST) finish(id);
    }
    if (held.has(id)) next = Math.min(next, one.due);
  }
  return next;
}

function finish(id) {
  held.delete(id);
  turned.add(id);
  setTimeout(() => { turned.delete(id); lookAgain(); }, TURNS);
}

afterEach(() => {
  const now = performance.now(), next = advance(now);
  clearTimeout(timer);
  if (next < Infinity) timer = setTimeout(lookAgain, Math.max(0, next - now));
  for (const row of document.querySelectorAll("#my-orders .order")) {
    const one = held.get(row.id);
    if (!one || row.classList.contains("ghost")) delete row.dataset.shown;
    else if (row.dataset.shown !== String(one.step)) row.dataset.shown = one.step;
    row.toggleAttribute("data-turned", turned.has(row.id));
  }
});
