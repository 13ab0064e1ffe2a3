// The timeline's drawing: choosing an event draws what belongs to it and opens the drawer; the
// address holds the choice. It stands still while paused, and while a mark is pointed at or focused.

import { named } from "./behaviour.js";
import { showKin } from "./kin.js";
import "./log.js";

const typing = (event) => event.target.matches("input, textarea, select") || event.metaKey || event.ctrlKey || event.altKey;

named("timeline", (page) => {
  const drawing = () => document.getElementById("timeline");
  const marks = () => [...drawing().querySelectorAll(".ev")].sort((a, b) => a.dataset.position - b.dataset.position);
  const pause = page.querySelector('[data-behaviour~="pause"]');
  const asked = () => new URL(location.href).searchParams.get("selected");
  let shown = asked();

  const holding = () =>
    pause.getAttribute("aria-pressed") === "true" ||
    "brushing" in page.dataset ||
    drawing().querySelector(".ev:hover, .ev:focus-visible") !== null;

  /** Have the drawing made for what the address says is selected. */
  const redraw = async () => {
    if (asked() === shown) return;
    shown = asked();
    const url = new URL(page.dataset.url, location.href);
    url.search = location.search;
    url.searchParams.set("window", page.dataset.window);
    const focused = document.activeElement?.closest?.(".ev")?.id;
    await htmx.ajax("GET", url.pathname + url.search, { target: "#timeline", swap: "outerHTML" });
    if (focused) document.getElementById(focused)?.focus();
    reach();
  };

  const select = (mark) => {
    const { position } = mark.dataset;
    document.querySelector('#log-rows > [aria-selected="true"]')?.removeAttribute("aria-selected");
    document.getElementById(`event-${position}`)?.setAttribute("aria-selected", "true");
    const url = new URL(location.href);
    url.searchParams.set("selected", position);
    history.replaceState(history.state, "", url);
    htmx.ajax("GET", `${page.dataset.events}${position}/`, { target: "#drawer", swap: "innerHTML" });
    redraw();
  };

  /** One mark can be reached by Tab, the others by the arrow keys. */
  const reach = () => {
    const all = marks();
    const one = all.find((mark) => mark === document.activeElement || mark.hasAttribute("aria-current")) ?? all.at(-1);
    for (const mark of all) mark.setAttribute("tabindex", mark === one ? "0" : "-1");
  };

  /** To the next shorter or longer window. */
  const zoom = (step) => {
    const all = [...page.querySelectorAll('nav[aria-label="Window"] a')];
    all[all.findIndex((link) => link.hasAttribute("aria-current")) + step]?.click();
  };

  const click = (event) => {
    const mark = event.target.closest(".ev");
    if (mark && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      select(mark);
    } else setTimeout(redraw); // the list and the drawer have changed the address by then
  };

  const keys = (event) => {
    if (typing(event)) return;
    if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? -1 : 1);
    const mark = event.target.closest?.(".ev");
    const step = mark && { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      event.preventDefault();
      const all = marks();
      all[all.indexOf(mark) + step]?.focus();
      reach();
    }
    if (["Escape", "j", "k"].includes(event.key)) setTimeout(redraw);
  };

  const incoming = ({ detail: { tasks } }) => {
    const own = tasks.filter((task) => task.type !== "main" && task.target === drawing());
    if (own.length && holding()) for (const task of own) tasks.splice(tasks.indexOf(task), 1);
    else if (own.length) setTimeout(reach);
  };

  document.addEventListener("click", click);
  document.addEventListener("keydown", keys);
  document.addEventListener("htmx:before:swap", incoming);
  const endKin = showKin(page);
  reach();
  return () => {
    endKin();
    document.removeEventListener("click", click);
    document.removeEventListener("keydown", keys);
    document.removeEventListener("htmx:before:swap", incoming);
  };
});
