// Keys that work on every page: / search, t theme, ? the list of keys, g and a letter to go
// somewhere. Off while typing. An id pasted where nobody types is searched for.

import { flipTheme } from "./theme.js";

const PATIENCE = 1500; // ms between g and its letter
let going = -Infinity; // when g was pressed

const typing = (event) => event.target.matches?.("input, textarea, select, [contenteditable]");

function search() {
  const find = document.querySelector(".find");
  if (find?.checkVisibility()) find.click();
  else document.querySelector(".search input")?.focus();
}

document.addEventListener("keydown", (event) => {
  if (typing(event) || event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.timeStamp - going < PATIENCE) {
    going = -Infinity;
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (!link) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // the letter means nothing else now
    link.click();
    return;
  }
  if (event.key === "g") going = event.timeStamp;
  if (event.key === "t") flipTheme();
  if (event.key === "?") document.getElementById("keymap")?.togglePopover();
  if (event.key === "/") {
    event.preventDefault();
    search();
  }
});

document.addEventListener("paste", (event) => {
  const box = document.querySelector(".search");
  const text = event.clipboardData?.getData("text").trim() ?? "";
  if (!box || typing(event) || !text || text.length > 200 || text.includes("\n")) return;
  box.querySelector("input").value = text;
  box.submit();
});
