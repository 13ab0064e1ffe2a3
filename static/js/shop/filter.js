// Which of my orders are shown. The choice is kept on the list, and set again after every patch.

import { named } from "../../flowdeck/js/behaviour.js";
import { on } from "../../flowdeck/js/signal.js";

let chosen = "all";

function show() {
  document.getElementById("orders")?.setAttribute("data-show", chosen);
  for (const button of document.querySelectorAll("#order-counts [data-show]")) {
    button.setAttribute("aria-pressed", String(button.dataset.show === chosen));
  }
}

named("order-filter", (group) => {
  const choose = (event) => {
    const button = event.target.closest("[data-show]");
    if (!button) return;
    chosen = button.dataset.show;
    show();
  };
  const stop = on("frame", show);
  group.addEventListener("click", choose);
  return () => { stop(); group.removeEventListener("click", choose); };
});
