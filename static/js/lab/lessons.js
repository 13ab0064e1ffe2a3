// Keys [ and ] go to the lesson before and after.

import { named } from "../../flowdeck/js/behaviour.js";

named("lessons", (element) => {
  const walk = (event) => {
    if (event.target.matches("input, textarea, select, [contenteditable]")) return;
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const relation = { "[": "prev", "]": "next" }[event.key];
    if (relation) element.querySelector(`a[rel="${relation}"]`)?.click();
  };
  document.addEventListener("keydown", walk);
  return () => document.removeEventListener("keydown", walk);
});
