// A tree by keyboard: up and down walk, right and left unfold and fold, enter opens, Esc closes.

import { named } from "./behaviour.js";

named("tree", (tree) => {
  const items = () => [...tree.querySelectorAll('[role="treeitem"]')];

  const focus = (item) => {
    if (!item) return;
    for (const other of items()) other.tabIndex = other === item ? 0 : -1;
    item.focus();
  };

  const keys = (event) => {
    const item = event.target.closest('[role="treeitem"]');
    if (!item || event.metaKey || event.ctrlKey || event.altKey) return;
    const all = items();
    const at = all.indexOf(item);
    const folded = item.getAttribute("aria-expanded");
    const moves = {
      ArrowDown: () => focus(all[at + 1]),
      ArrowUp: () => focus(all[at - 1]),
      Home: () => focus(all[0]),
      End: () => focus(all.at(-1)),
      ArrowRight: () => folded === "false" && item.querySelector(".tw").click(),
      ArrowLeft: () => folded === "true" && item.querySelector(".tw").click(),
      Enter: () => event.target === item && item.querySelector("a")?.click(),
    };
    if (!moves[event.key]) return;
    if (event.key !== "Enter" || event.target === item) event.preventDefault();
    moves[event.key]();
  };

  const close = (event) => {
    if (event.key === "Escape") document.querySelector("#trace-drawer [data-close]")?.click();
  };

  tree.addEventListener("keydown", keys);
  document.addEventListener("keydown", close);
  if (location.hash) focus(tree.querySelector(`[id="${CSS.escape(location.hash.slice(1))}"]`));
  return () => {
    tree.removeEventListener("keydown", keys);
    document.removeEventListener("keydown", close);
  };
});
