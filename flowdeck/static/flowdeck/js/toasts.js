// Toasts: tell("toast", {title, text, tone}) or an HX-Trigger header named "toast". At most two.

import { named } from "./behaviour.js";
import { on } from "./signal.js";

const MOST = 2;
const STAYS = 8_000; // ms

named("toasts", (stack) => {
  const show = ({ title, text = "", tone = "done" }) => {
    const template = stack.querySelector(`template[data-tone="${CSS.escape(tone)}"]`);
    const toast = template.content.firstElementChild.cloneNode(true);
    toast.querySelector("[data-title]").textContent = title;
    toast.querySelector("[data-text]").textContent = text;
    toast.querySelector("[data-close]").addEventListener("click", () => toast.remove());
    stack.append(toast);
    const shown = stack.querySelectorAll(".toast");
    if (shown.length > MOST) shown[0].remove();
    setTimeout(() => toast.remove(), STAYS);
  };
  const triggered = (event) => show(event.detail);
  const stop = on("toast", show);
  document.addEventListener("toast", triggered);
  return () => { stop(); document.removeEventListener("toast", triggered); };
});
