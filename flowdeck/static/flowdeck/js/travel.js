// Time travel: the slider, the list and the keys [ ] and arrows choose an event of the stream; its state
// is on the page already. What is compared with another moment comes from the server.

import { named } from "./behaviour.js";

const typing = (event) => event.target.matches("input:not([type=range]), textarea, select") || event.metaKey || event.ctrlKey || event.altKey;
const WAYS = { "[": -1, ArrowLeft: -1, "]": 1, ArrowRight: 1 };

named("travel", (page) => {
  const range = page.querySelector("input[type=range]");
  const all = (name) => [...page.querySelectorAll(`[data-${name}]`)];
  const stepOf = (at) => page.querySelector(`[data-step="${at}"]`);
  const other = () => page.querySelector("[data-with]").value;

  const compare = () => {
    const url = new URL(location.href);
    htmx.ajax("GET", url.pathname + url.search, { target: "#compare", swap: "outerHTML" });
  };

  const remember = (at) => {
    const url = new URL(location.href);
    url.searchParams.set("at", at);
    if (other()) url.searchParams.set("with", other());
    else url.searchParams.delete("with");
    history.replaceState(history.state, "", url);
  };

  const paint = (at) => {
    for (const snap of all("snap")) snap.hidden = snap.dataset.snap !== at;
    for (const label of all("label")) label.setAttribute("class", label.dataset.label === at ? "b" : "d");
    for (const step of all("step")) {
      if (step.dataset.step === at) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    }
    for (const place of [...all("at"), ...all("beside")]) place.textContent = at;
    page.querySelector("[data-line]").setAttribute("x2", page.querySelector(`[data-mark="${at}"]`).dataset.x);
    range.setAttribute("aria-valuetext", `As of event ${at}, ${stepOf(at).dataset.type}`);
  };

  const go = (number) => {
    const at = String(Math.min(Math.max(number, range.min), range.max));
    range.value = at;
    paint(at);
    remember(at);
    stepOf(at).scrollIntoView({ block: "nearest" });
    if (other()) compare(); // else a late answer would undo a choice made meanwhile
  };

  const slide = () => go(Number(range.value));

  const keys = (event) => {
    const way = WAYS[event.key];
    if (!way || typing(event)) return;
    if (event.key.startsWith("Arrow") && !event.target.matches("body, main, [data-step]")) return; // the slider has its own
    event.preventDefault();
    go(Number(range.value) + way);
  };

  const click = (event) => {
    const step = event.target.closest("[data-step]");
    if (!step || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(Number(step.dataset.step));
  };

  const choose = (event) => {
    if (!event.target.matches("[data-with]")) return;
    remember(range.value);
    compare();
  };

  range.addEventListener("input", slide);
  page.addEventListener("click", click);
  page.addEventListener("change", choose);
  document.addEventListener("keydown", keys);
  paint(range.value);
  return () => document.removeEventListener("keydown", keys);
});
