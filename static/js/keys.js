// Keys that work on every page: / search, t theme. Off while typing.

import { flipTheme } from "./theme.js";

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, textarea, select, [contenteditable]")) return;
  if (event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.key === "t") flipTheme();
  if (event.key === "/") {
    const find = document.querySelector(".find");
    event.preventDefault();
    if (find?.checkVisibility()) find.click();
    else document.querySelector(".search input")?.focus();
  }
});
