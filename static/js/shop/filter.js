// Which of my orders are shown, and how many there are: what the server counted, and what is claimed.
// An order placed here stays in sight until another choice is made.

import { named } from "../../flowdeck/js/behaviour.js";
import { list } from "./claims.js";
import { afterEach, lookAgain } from "./rows.js";

const COUNTED = ["all", "open"]; // where an order that is not answered yet is counted
const stays = new Set();
let chosen = "all";

export const stay = (id) => stays.add(id);

function show() {
  const claimed = list().querySelectorAll(".order:not(.refused)").length;
  document.getElementById("orders").dataset.show = chosen;
  for (const button of document.querySelectorAll("#order-counts [data-show]")) {
    const { show, count } = button.dataset, figure = button.firstElementChild;
    const text = String(Number(count) + (COUNTED.includes(show) ? claimed : 0));
    button.setAttribute("aria-pressed", String(show === chosen));
    if (figure.textContent !== text) figure.textContent = text;
  }
  for (const row of document.querySelectorAll("#orders > .order")) row.toggleAttribute("data-stays", stays.has(row.id));
}

afterEach(show);

named("order-filter", (group) => {
  const choose = (event) => {
    const button = event.target.closest("[data-show]");
    if (!button) return;
    chosen = button.dataset.show;
    stays.clear();
    lookAgain();
  };
  group.addEventListener("click", choose);
  return () => group.removeEventListener("click", choose);
});
