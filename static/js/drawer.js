// The drawer beside a list: a row opens it, Esc closes it, j and k walk, c keeps only
// its correlation, the address holds the selection. Focus goes back to the row it came from.

import { named } from "./behaviour.js";

const rows = () => [...document.querySelectorAll("#log-rows > tr")];
const selected = () => document.querySelector('#log-rows > [aria-selected="true"]');

function select(row) {
  selected()?.removeAttribute("aria-selected");
  row?.setAttribute("aria-selected", "true");
  const url = new URL(location.href);
  if (row) url.searchParams.set("selected", row.dataset.position);
  else url.searchParams.delete("selected");
  history.replaceState(history.state, "", url);
}

/** Keep only the row's correlation. */
function only(row) {
  const trace = row?.querySelector("a.corr");
  if (!trace) return;
  const url = new URL(location.href);
  url.searchParams.set("correlation", trace.pathname.split("/")[2]);
  location.assign(url);
}

named("drawer", (drawer) => {
  const close = () => {
    const row = selected();
    if (!drawer.childElementCount) return;
    drawer.replaceChildren();
    drawer.classList.remove("open");
    select(null);
    row?.querySelector("a")?.focus();
  };

  const click = (event) => {
    const row = event.target.closest("#log-rows > tr");
    if (row && event.target.closest("a.etype")) select(row);
    else if (row && !event.target.closest("a") && getSelection().isCollapsed) row.querySelector("a.etype").click();
    if (event.target.closest("#drawer [data-close]")) {
      event.preventDefault();
      close();
    }
  };

  const keys = (event) => {
    if (event.target.matches("input, textarea, select") || event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === "Escape") close();
    if (event.key === "c") only(selected());
    const step = { j: 1, k: -1 }[event.key];
    if (!step) return;
    const all = rows();
    const next = all[all.indexOf(selected()) + step] ?? (selected() ? null : all[0]);
    next?.scrollIntoView({ block: "nearest" });
    next?.querySelector("a.etype").click();
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
