// The strip of five minutes: a click or a drag of the brush travels there in time. The links beside
// it do the same without a pointer. The filter of the log stays.

import { named } from "./behaviour.js";

const text = (milliseconds) => new Date(milliseconds).toISOString().replace("Z", "");

named("brush", (page) => {
  const travel = (until) => {
    const url = new URL(location.href);
    url.searchParams.delete("selected");
    until ? url.searchParams.set("until", until) : url.searchParams.delete("until");
    location.assign(url);
  };

  const down = (event) => {
    const strip = event.target.closest?.(".histo");
    if (!strip || event.button) return;
    event.preventDefault();
    const box = strip.getBoundingClientRect();
    const length = Number(strip.dataset.length);
    const share = Math.min(1, (Number(strip.dataset.window) * 1000) / length);
    strip.querySelector(".brush")?.remove(); // it counts from elsewhere; the next frame brings it again
    const brush = strip.appendChild(document.createElementNS(strip.namespaceURI, "rect"));
    brush.setAttribute("class", "brush");
    brush.setAttribute("y", "0.5");
    brush.setAttribute("height", "26");
    const left = (at) => Math.min(1 - share, Math.max(0, (at.clientX - box.left) / box.width - share / 2));
    const move = (at) => {
      brush.setAttribute("x", `${left(at) * 100}%`);
      brush.setAttribute("width", `${share * 100}%`);
    };
    const up = (at) => {
      removeEventListener("pointermove", move);
      if (at.type === "pointerup") travel(text(Number(strip.dataset.since) + (left(at) + share) * length));
    };
    page.dataset.brushing = "";
    move(event);
    addEventListener("pointermove", move);
    addEventListener("pointerup", up, { once: true });
  };

  const click = (event) => {
    const link = event.target.closest?.("a[data-travel]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    travel(new URL(link.href).searchParams.get("until"));
  };

  page.addEventListener("pointerdown", down);
  page.addEventListener("click", click);
});
