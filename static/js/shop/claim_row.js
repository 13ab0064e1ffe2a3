// The row of an order that only this page knows of: a copy of the template, and what it says.

import * as claims from "./claims.js";

const ofRow = new WeakMap();
export const rowOf = (key) => `order-${key}`;
export const claimOf = (row) => ofRow.get(row);

/** Put the claim above all orders. */
export function place(claim) {
  const row = document.getElementById("ghost-order").content.firstElementChild.cloneNode(true);
  row.id = rowOf(claim.key);
  row.querySelector("[data-what]").textContent = row.querySelector("[data-what]").title = claim.what;
  row.querySelector("[data-total]").textContent = claim.total;
  ofRow.set(row, claim);
  claims.list().prepend(row); // what stands for an empty list hides itself by CSS
  return row;
}

/** Say what became of it: sent, slow, unreachable, offline, failed, signed-out, kept or refused. */
export function say(row, when) {
  for (const text of row.querySelectorAll("[data-when]")) {
    text.hidden = text.dataset.when !== when;
    if (!text.hidden) row.querySelector(".words [data-tag]").textContent = text.dataset.tag;
  }
  for (const button of row.querySelectorAll("[data-again]")) {
    button.hidden = !button.dataset.again.split(" ").includes(when);
  }
  row.querySelector("[data-drop]").hidden = when === "sent";
  row.classList.toggle("stuck", when !== "sent" && when !== "refused");
  row.classList.toggle("refused", when === "refused");
  row.dataset.said = when;
  claims.note(claimOf(row).key, when);
}
