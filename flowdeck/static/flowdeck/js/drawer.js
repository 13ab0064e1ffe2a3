// The drawer beside a list: a row opens it, Esc closes it, j and k or its buttons walk the rows shown,
// c keeps only its correlation, the address holds the selection. Focus goes back to where it came from.

import { behaviour, named } from "./behaviour.js";
import { on } from "./signal.js";

const STEPS = { j: 1, "[": 1, k: -1, "]": -1 }; // [ is the earlier event, which stands further down
const typing = (event) => event.target.matches("input, textarea, select") || event.metaKey || event.ctrlKey || event.altKey;
const rows = () => [...document.querySelectorAll("#log-rows > tr")];
const selected = () => document.querySelector('#log-rows > [aria-selected="true"]');
const open = (row) => {
  row?.scrollIntoView({ block: "nearest" });
  row?.querySelector("a.etype").click();
};

function select(row) {
  selected()?.removeAttribute("aria-selected");
  row?.setAttribute("aria-selected", "true");
  const url = new URL(location.href);
  if (row) url.searchParams.set("selected", row.dataset.position);
  else url.searchParams.delete("selected");
  history.replaceState(history.state, "", url);
}

/** The row a step further down (1) or up (-1); from an event that has none, the nearest. */
function beside(step) {
  const all = rows(), at = all.indexOf(selected());
  if (at >= 0) return all[at + step];
  const from = Number(new URL(location.href).searchParams.get("selected"));
  if (!from) return step > 0 ? all[0] : undefined;
  return step > 0
    ? all.find((row) => Number(row.dataset.position) < from)
    : all.findLast((row) => Number(row.dataset.position) > from);
}

/** Keep only the row's correlation. */
function only(row) {
  const trace = row?.querySelector("a.corr");
  if (!trace) return;
  const url = new URL(location.href);
  url.searchParams.set("correlation", trace.pathname.split("/").at(-2));
  location.assign(url);
}

/** Let a button lead where it will walk to, or nowhere at the end of the list. */
function point(button) {
  const to = beside(Number(button.dataset.step))?.querySelector("a.etype").href;
  button.toggleAttribute("href", Boolean(to));
  if (to) button.href = to;
  to ? button.removeAttribute("aria-disabled") : button.setAttribute("aria-disabled", "true");
}

let pressed = ""; // the button that was walked with: the next event's has the focus then

behaviour("#drawer [data-step]", (button) => {
  point(button);
  if (button.dataset.step === pressed) button.focus();
  return on("frame", () => point(button));
});

named("drawer", (drawer) => {
  const close = () => {
    const row = selected();
    if (!drawer.childElementCount) return;
    drawer.replaceChildren();
    drawer.removeAttribute("data-open");
    select(null);
    row?.querySelector("a")?.focus();
  };

  const click = (event) => {
    const row = event.target.closest("#log-rows > tr");
    if (row && event.target.closest("a.etype")) select(row);
    else if (row && !event.target.closest("a") && getSelection().isCollapsed) row.querySelector("a.etype").click();
    const button = event.target.closest("#drawer [data-step]");
    if (event.isTrusted) pressed = button?.dataset.step ?? "";
    if (button && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      open(beside(Number(button.dataset.step)));
    }
    if (event.target.closest("#drawer [data-close]")) {
      event.preventDefault();
      close();
    }
  };

  const keys = (event) => {
    if (typing(event)) return;
    if (event.key === "Escape") close();
    if (event.key === "c") only(selected());
    const step = STEPS[event.key];
    if (!step) return;
    pressed = document.activeElement.dataset?.step ?? "";
    open(beside(step));
  };

  document.addEventListener("click", click);
  document.addEventListener("keydown", keys);
  const asked = new URL(location.href).searchParams.get("selected");
  if (asked) document.getElementById(`event-${asked}`)?.setAttribute("aria-selected", "true");
  return () => {
    document.removeEventListener("click", click);
    document.removeEventListener("keydown", keys);
  };
});

// The page of one event has no list: its links lead through the whole log.
named("event", (page) => {
  const keys = (event) => {
    if (!typing(event) && STEPS[event.key]) page.querySelector(`[data-step="${STEPS[event.key]}"][href]`)?.click();
  };
  document.addEventListener("keydown", keys);
  return () => document.removeEventListener("keydown", keys);
});
