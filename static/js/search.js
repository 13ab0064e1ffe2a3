// The search box on narrow screens: behind its icon until asked for.

import { named } from "./behaviour.js";

named("opens-search", (button) => {
  const box = document.getElementById("search");
  const input = box.querySelector("input");
  const open = () => { box.classList.add("open"); input.focus(); };
  const close = (event) => {
    if (event.type === "keydown" && event.key !== "Escape") return;
    box.classList.remove("open");
    if (event.type === "keydown") input.blur();
  };
  button.addEventListener("click", open);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", close);
  return () => {
    button.removeEventListener("click", open);
    input.removeEventListener("blur", close);
    input.removeEventListener("keydown", close);
  };
});
