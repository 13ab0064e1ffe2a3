// A filter box above a list: while one types, what lacks one of the words is hidden, as the server
// hides it for ?q=. The address and the links of the list keep the words.

import { named } from "./behaviour.js";

named("narrows", (form) => {
  const field = form.elements.q;
  const list = document.getElementById(form.dataset.list);

  const keep = (link, text) => {
    if (text) link.searchParams.set("q", text);
    else link.searchParams.delete("q");
    return link.href;
  };

  const narrow = () => {
    const text = field.value.trim(), words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of list.querySelectorAll("[data-words]")) {
      item.hidden = !words.every((word) => item.dataset.words.includes(word));
      shown += !item.hidden;
      const link = item.matches("a") ? item : item.querySelector("a");
      link.href = keep(new URL(link.href), text);
    }
    for (const said of document.querySelectorAll("[data-narrowed-count]")) said.textContent = shown;
    for (const none of document.querySelectorAll("[data-narrowed-none]")) none.hidden = shown > 0;
    history.replaceState(history.state, "", keep(new URL(location.href), text));
  };

  field.addEventListener("input", narrow);
  return () => field.removeEventListener("input", narrow);
});
