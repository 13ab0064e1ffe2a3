// The search box: what is found appears below it while typing; the arrow keys walk through it, Esc
// closes. On narrow screens the box is behind its icon until asked for.

import { named } from "./behaviour.js";

named("search", (box) => {
  const input = box.querySelector("input");
  const found = box.querySelector(".found");

  const keys = (event) => {
    const stops = [input, ...found.querySelectorAll("a")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && stops.length > 1) {
      event.preventDefault();
      stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length].focus();
    }
    if (event.key === "Escape") {
      event.preventDefault();
      found.replaceChildren();
      input.value = "";
      document.activeElement.blur();
    }
  };

  box.addEventListener("keydown", keys);
  return () => box.removeEventListener("keydown", keys);
});

named("opens-search", (button) => {
  const box = document.getElementById("search");
  const open = () => { box.classList.add("open"); box.querySelector("input").focus(); };
  const close = (event) => {
    if (!box.contains(event.relatedTarget)) box.classList.remove("open");
  };
  button.addEventListener("click", open);
  box.addEventListener("focusout", close);
  return () => {
    button.removeEventListener("click", open);
    box.removeEventListener("focusout", close);
  };
});
