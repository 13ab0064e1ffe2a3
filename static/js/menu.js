// A <details> used as a menu: closes on Escape (focus back to its button) and on a click elsewhere.

import { named } from "./behaviour.js";

named("menu", (menu) => {
  const away = (event) => { if (!menu.contains(event.target)) menu.open = false; };
  const escape = (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  };
  document.addEventListener("click", away);
  menu.addEventListener("keydown", escape);
  return () => {
    document.removeEventListener("click", away);
    menu.removeEventListener("keydown", escape);
  };
});
