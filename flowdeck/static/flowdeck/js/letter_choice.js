// Choosing letters: all at once, a range with shift, the number in the bar. Letters that are mended
// leave the list after a while, unless one points at them. New groups are counted, not pushed in.

import { named } from "./behaviour.js";
import { on } from "./signal.js";

const LEAVES_AFTER = 8000; // milliseconds

named("letter-choice", (page) => {
  let last = null;
  const boxes = () => [...page.querySelectorAll(".dl-letters td .check:not(:disabled)")];

  const count = () => {
    const chosen = boxes().filter((box) => box.checked).length;
    const label = page.querySelector("[data-chosen]");
    if (label) label.textContent = `${chosen} chosen`;
    const all = page.querySelector("[data-all]");
    if (all) all.indeterminate = chosen > 0 && chosen < boxes().length;
  };

  const choose = (event) => {
    const box = event.target.closest(".dl-letters .check");
    if (!box) return;
    const all = boxes();
    if (box.matches("[data-all]")) all.forEach((one) => (one.checked = box.checked));
    else if (event.shiftKey && last && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
      all.slice(from, to + 1).forEach((one) => (one.checked = box.checked));
    }
    last = box.matches("[data-all]") ? null : box;
    count();
  };

  const look = () => {
    for (const mark of page.querySelectorAll(".dl-letters [data-leaves]:not([data-noticed])")) {
      mark.dataset.noticed = "";
      const row = mark.closest("tr");
      row.removeAttribute("data-claimed");
      row.querySelector(".check").disabled = true;
      row.querySelector(".check").checked = false;
      setTimeout(() => leave(row), LEAVES_AFTER);
    }
    for (const row of page.querySelectorAll("tr[data-claimed]")) {
      const said = row.querySelector(".st .state")?.className; // the server has spoken
      if (said && !said.includes("pending")) row.removeAttribute("data-claimed");
    }
    const known = page.querySelectorAll(".dl-group").length;
    const now = Number(page.querySelector("#dl-totals")?.dataset.groups);
    const pill = page.querySelector("#dl-new");
    const filtered = /[?&](status|search)=/.test(location.search);
    pill.hidden = filtered || !(now > known);
    pill.querySelector("[data-count]").textContent = now - known;
    count();
  };

  const leave = (row) => {
    if (row.matches(":hover, :focus-within")) return setTimeout(() => leave(row), 1000);
    row.classList.add("leaving");
    setTimeout(() => row.remove(), 250);
  };

  page.addEventListener("click", choose);
  const silent = on("frame", () => requestAnimationFrame(look));
  look();
  return () => {
    page.removeEventListener("click", choose);
    silent?.();
  };
});
