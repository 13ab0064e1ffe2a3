// On narrow screens the drawer is a sheet that peeks above the tab bar: a tap on its head, scrolling
// it, or the keyboard getting below the head opens it; another tap on the head lets it peek again.

import { behaviour } from "./behaviour.js";

behaviour(".drawer", (drawer) => {
  const narrow = matchMedia("(max-width: 759px)");
  const open = (on) => drawer.toggleAttribute("data-open", on);
  const tap = (event) => {
    if (!narrow.matches || event.target.closest("a, button, input")) return;
    if (event.target.closest(".head")) open(!drawer.hasAttribute("data-open"));
    if (!drawer.hasAttribute("data-open")) drawer.scrollTop = 0;
  };
  const further = () => drawer.scrollTop > 8 && open(true);
  const focus = (event) => event.target.closest(".head") || open(true);
  drawer.addEventListener("click", tap);
  drawer.addEventListener("scroll", further, { passive: true });
  drawer.addEventListener("focusin", focus);
  return () => {
    drawer.removeEventListener("click", tap);
    drawer.removeEventListener("scroll", further);
    drawer.removeEventListener("focusin", focus);
  };
});
