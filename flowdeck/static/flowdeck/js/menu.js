// A <details> used as a menu: closes on Escape (focus back to its button) and on a click elsewhere.
// With data-key="f" that key opens it, when nobody is typing.

import { named } from "./behaviour.js";

named("menu", (menu) => {
  const away = (event) => { if (!menu.contains(event.target)) menu.open = false; };
  const escape = (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  };
  const opens = (event) => {
    if (!menu.dataset.key || event.key !== menu.dataset.key || event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.target.matches("input, textarea, select")) return;
    event.preventDefault();
    menu.open = true;
    menu.querySelector("input:not([type=hidden]), select")?.focus();
  };
  document.addEventListener("keydown", opens);
  document.addEventListener("click", away);
  menu.addEventListener("keydown", escape);
  return () => {
    document.removeEventListener("keydown", opens);
    document.removeEventListener("click", away);
    menu.removeEventListener("keydown", escape);
  };
});
