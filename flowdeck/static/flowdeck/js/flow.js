// The flow map: a node opens its panel, the arrow keys walk from node to node, and whoever is pointed
// at shows what it talks to. The address holds the selection.

import { named } from "./behaviour.js";

const typing = (event) => event.target.matches("input, textarea, select") || event.metaKey || event.ctrlKey || event.altKey;

named("flow", (page) => {
  const panel = document.getElementById("flow-panel");
  const map = () => page.querySelector(".fmap");
  const nodes = () => [...page.querySelectorAll(".fn")];
  const nodeOf = (key) => nodes().find((node) => node.dataset.node === key);
  const asked = () => new URL(location.href).searchParams.get("node");
  let pointed = null;

  const remember = (key) => {
    const url = new URL(location.href);
    if (key) url.searchParams.set("node", key);
    else url.searchParams.delete("node");
    history.replaceState(history.state, "", url);
    paint();
  };

  /** What a frame of the server does not know: the selection, and the neighbours of one node. */
  const paint = () => {
    const chosen = asked();
    for (const node of nodes()) {
      if (node.dataset.node === chosen) node.setAttribute("aria-current", "true");
      else node.removeAttribute("aria-current");
      node.classList.toggle("on", node.dataset.node === pointed);
    }
    for (const row of page.querySelectorAll("#flow-processors tbody tr")) {
      row.toggleAttribute("aria-selected", false);
      if (row.querySelector("[data-node]").dataset.node === chosen) row.setAttribute("aria-selected", "true");
    }
    map()?.classList.toggle("near", Boolean(pointed));
    for (const edge of page.querySelectorAll(".fe")) {
      const ends = [edge.dataset.from, edge.dataset.to];
      edge.classList.toggle("on", ends.includes(pointed));
      if (ends.includes(pointed)) for (const end of ends) nodeOf(end)?.classList.add("on");
    }
  };

  const point = (event) => {
    const key = event.target.closest?.(".fn")?.dataset.node ?? null;
    if (key === pointed) return;
    pointed = key;
    paint();
  };

  const open = async (key) => {
    const url = new URL(location.href);
    url.searchParams.set("node", key);
    await htmx.ajax("GET", url.pathname + url.search, { target: "#flow-panel", swap: "innerHTML" });
    if (!panel.childElementCount) return; // closed meanwhile
    remember(key);
    panel.scrollIntoView({ block: "nearest" });
  };

  const close = () => {
    const from = asked();
    panel.replaceChildren();
    remember(null);
    if (from) nodeOf(from)?.focus();
  };

  const click = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest("[data-node]");
    const ends = event.target.closest("#flow-panel [data-close]");
    if (!link && !ends) return;
    event.preventDefault();
    if (ends) close();
    else open(link.dataset.node);
  };

  /** The nearest node in the direction of an arrow key. */
  const next = (from, [dx, dy]) => {
    const at = from.getBoundingClientRect();
    const far = (node) => {
      const to = node.getBoundingClientRect();
      const x = to.x - at.x, y = to.y + to.height / 2 - at.y - at.height / 2;
      const along = x * dx + y * dy, aside = Math.abs(x * dy) + Math.abs(y * dx);
      return along > 4 ? along + 2 * aside : Infinity;
    };
    return nodes().filter((node) => far(node) < Infinity).sort((a, b) => far(a) - far(b))[0];
  };

  const keys = (event) => {
    if (typing(event)) return;
    if (event.key === "Escape" && panel.childElementCount) close();
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    const node = event.target.closest?.(".fn");
    if (!way || !node) return;
    event.preventDefault();
    next(node, way)?.focus();
  };

  const events = { click, keydown: keys, "htmx:after:swap": paint };
  for (const [name, listener] of Object.entries(events)) document.addEventListener(name, listener);
  for (const name of ["pointerover", "focusin"]) page.addEventListener(name, point);
  return () => {
    for (const [name, listener] of Object.entries(events)) document.removeEventListener(name, listener);
    for (const name of ["pointerover", "focusin"]) page.removeEventListener(name, point);
  };
});

named("submits", (field) => {
  const submit = () => field.form.requestSubmit();
  field.addEventListener("change", submit);
  return () => field.removeEventListener("change", submit);
});
