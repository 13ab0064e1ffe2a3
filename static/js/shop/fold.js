// Settled orders fold to one line when somebody orders, and not while they are looked at: what was
// seen with its track keeps it, whatever its place by now.

import { list } from "./claims.js";
import { afterEach } from "./rows.js";

const folded = new Map(); // id of a row -> whether it is shown folded

const rows = () => [...document.querySelectorAll("#orders > .order")];

/** Fold what the newest claim has pushed too far down. */
export function makeRoom() {
  const room = Number(list().dataset.unfolded) - list().childElementCount;
  rows().forEach((row, place) => {
    if (place >= room && row.dataset.group !== "open") folded.set(row.id, true);
  });
}

afterEach(() => {
  for (const row of [...rows(), ...list().children]) {
    if (!folded.has(row.id)) folded.set(row.id, row.classList.contains("fold"));
    const has = row.querySelector(".track") !== null; // the oldest have none
    const fold = folded.get(row.id) || !has;
    if (row.classList.contains("fold") !== fold) row.classList.toggle("fold", fold);
  }
});
