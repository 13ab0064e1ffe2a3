// The event log and the list of traces: new rows enter only when the reader is at the top and holds
// nothing; otherwise they wait behind the "n new" pill. Rows are kept in order of position, each once,
// at most `data-most`. Of an event only the last cell changes; with `data-whole` any cell may.

import { named } from "./behaviour.js";
import "./drawer.js";

const SLACK = 24; // px from the top that still count as the top
const FEW = 12; // rows at a time that are pointed out as new; more of them would be a blinking page
const CALM = 1000; // ms since rows came last, before new ones are pointed out
const ROW = 30; // px, the least that a row is high
const REST = 400; // ms without new rows after which those below the fold are put in, too

const position = (row) => Number(row.dataset.position);

named("newest", (list) => {
  const most = Number(list.dataset.most);
  const scroller = list.closest(".logscroll");
  const pill = document.getElementById(list.dataset.pill);
  const pause = document.querySelector('[data-behaviour~="pause"]');
  const held = new Map(); // id -> row
  const below = new Map(); // id -> row that nobody can see: a rush does not have to lay it out
  let resting = 0, came = 0, seen = Math.ceil(innerHeight / ROW);

  const paused = () => pause?.getAttribute("aria-pressed") === "true";
  const holding = () =>
    paused() || scroller.scrollTop > SLACK || list.matches(":hover") ||
    list.contains(document.activeElement) || list.querySelector('[aria-selected="true"]') !== null;

  /** Give a row that is there already what differs; it stays where it is. */
  const renew = (old, row) => {
    old.classList.remove("leaving");
    const cells = "whole" in list.dataset ? [...old.children] : [old.lastElementChild];
    const fresh = "whole" in list.dataset ? [...row.children] : [row.lastElementChild];
    cells.forEach((cell, n) => cell.isEqualNode(fresh[n]) || cell.replaceWith(fresh[n]));
  };

  /** Put a row where its position belongs. */
  const place = (row, isNew) => {
    const old = document.getElementById(row.id);
    if (old) return renew(old, row);
    if (isNew) row.classList.add("enter");
    if (list.lastElementChild && position(list.lastElementChild) > position(row)) return list.append(row);
    let next = list.firstElementChild; // new rows belong to the top, or near it
    while (next && position(next) > position(row)) next = next.nextElementSibling;
    list.insertBefore(row, next);
  };

  /** Put in what is in view at once; the rest, newest first, as soon as it is calm. */
  const add = (rows) => {
    if (!rows.length) return;
    const now = performance.now();
    const isNews = rows.length <= FEW && now - came > CALM;
    const isRush = now - came < REST;
    came = now;
    for (const row of rows.sort((a, b) => position(b) - position(a))) {
      const last = list.children[seen - 1];
      below.delete(row.id);
      last && position(last) > position(row) ? below.set(row.id, row) : place(row, isNews);
    }
    while (isRush && list.children.length > seen) putAside(list.lastElementChild);
    for (const row of [...below.values()].sort((a, b) => position(a) - position(b)).slice(0, -most)) below.delete(row.id);
    htmx.process(list);
    clearTimeout(resting);
    if (below.size) resting = setTimeout(fill, REST);
  };

  const putAside = (row) => {
    row.remove();
    below.set(row.id, row);
  };

  const fill = () => {
    if (!below.size) return;
    for (const row of [...below.values()].sort((a, b) => position(b) - position(a))) place(row, false);
    below.clear();
    htmx.process(list);
    trim();
  };

  const trim = () => {
    while (list.children.length > most) list.lastElementChild.remove();
  };

  const count = () => {
    pill.hidden = held.size === 0;
    pill.querySelector("[data-count]").textContent = held.size.toLocaleString("en");
  };

  const keep = (row) => {
    held.set(row.id, row);
    if (held.size > 1000) held.delete(held.keys().next().value); // far more than is ever shown
  };

  const show = () => {
    add([...held.values()]);
    held.clear();
    trim();
    count();
    scroller.scrollTop = 0;
  };

  // Fragments for this list are taken out of the swap: order, holding and bounds are its own.
  const incoming = ({ detail: { tasks } }) => {
    // Asked once: between two insertions it would have the whole table laid out again.
    const wait = list.children.length > 0 && holding();
    if (wait) fill(); // only what is really new may wait
    for (const task of tasks.filter((one) => one.target === list)) {
      const rows = [...task.fragment.querySelectorAll("tr")];
      tasks.splice(tasks.indexOf(task), 1);
      const fresh = new Set(rows.filter((row) => !document.getElementById(row.id)));
      if (task.swapSpec.style === "innerMorph") forget(rows);
      for (const row of rows) if (!fresh.has(row)) place(row, false);
      wait ? [...fresh].forEach(keep) : add([...fresh]);
    }
    trim();
    count();
  };

  /** A row that is not true any more is seen to go, and not from under the pointer. */
  const leave = (row) => {
    if (row.classList.contains("leaving")) return;
    row.classList.add("leaving");
    setTimeout(function go() {
      if (row.classList.contains("leaving")) row.matches(":hover") ? setTimeout(go, 500) : row.remove();
    }, 1000);
  };

  /** A whole region came: newer rows that it does not have are not true any more. */
  const forget = (rows) => {
    const ids = new Set(rows.map((row) => row.id));
    const oldest = rows.length ? Math.min(...rows.map(position)) : 0;
    for (const row of [...list.children]) if (position(row) >= oldest && !ids.has(row.id)) leave(row);
    for (const rest of [held, below])
      for (const [id, row] of rest) if (position(row) >= oldest && !ids.has(id)) rest.delete(id);
  };

  const keys = (event) => {
    if (event.target.matches("input, textarea, select") || event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === "n") show();
    if (event.key === ".") pause?.click();
  };

  // Told, not asked for: asking for a height would lay the table out in between.
  const size = new ResizeObserver(([{ contentRect }]) => { seen = Math.ceil(contentRect.height / ROW) + 1; });

  size.observe(scroller);
  pill.addEventListener("click", show);
  scroller.addEventListener("scroll", fill, { passive: true });
  document.addEventListener("htmx:before:swap", incoming);
  document.addEventListener("keydown", keys);
  return () => {
    clearTimeout(resting);
    size.disconnect();
    pill.removeEventListener("click", show);
    scroller.removeEventListener("scroll", fill);
    document.removeEventListener("htmx:before:swap", incoming);
    document.removeEventListener("keydown", keys);
  };
});

named("pause", (button) => {
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
  });
});
