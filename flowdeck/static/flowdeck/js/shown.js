// How many rows a list has just now: `data-rows` names the list.

import { named } from "./behaviour.js";

named("shown", (figure) => {
  const list = document.getElementById(figure.dataset.rows);
  const watcher = new MutationObserver(() => {
    figure.textContent = list.childElementCount.toLocaleString("en");
  });
  watcher.observe(list, { childList: true });
  return () => watcher.disconnect();
});
