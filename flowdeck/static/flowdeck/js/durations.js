// The durations above the list of traces: a drag chooses a stretch of them. Each bar is a link of its
// own, so a click and the keyboard need no script. The other conditions stay.

import { named } from "./behaviour.js";

const DRAG = 5; // px from which on it is no click

named("durations", (box) => {
  const low = Number(box.dataset.low);
  const steps = Number(box.dataset.steps);
  let dragged = false;

  /** Milliseconds at the beginning of the stretch that begins nearest to a share of the width. */
  const milliseconds = (share) => Math.ceil(1e6 * 10 ** ((low + Math.round(share * steps)) / 6) - 0.001) / 1000;

  const down = (event) => {
    if (event.button) return;
    const svg = box.querySelector("svg");
    const { left, width } = box.getBoundingClientRect();
    const share = (at) => Math.min(1, Math.max(0, (at.clientX - left) / width));
    const from = share(event);
    let brush = null;
    dragged = false;
    const move = (at) => {
      if (!brush && Math.abs(at.clientX - event.clientX) < DRAG) return;
      if (!brush) {
        dragged = true;
        brush = svg.appendChild(document.createElementNS(svg.namespaceURI, "rect"));
        brush.setAttribute("class", "brushed");
        brush.setAttribute("height", "46");
      }
      brush.setAttribute("x", `${Math.min(from, share(at)) * 100}%`);
      brush.setAttribute("width", `${Math.abs(share(at) - from) * 100}%`);
    };
    const up = (at) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointercancel", up);
      removeEventListener("pointerup", up);
      brush?.remove();
      if (!brush || at.type !== "pointerup") return;
      if (Math.round(from * steps) === Math.round(share(at) * steps)) return; // no whole stretch
      const url = new URL(location.href);
      const [over, under] = [Math.min(from, share(at)), Math.max(from, share(at))].map(milliseconds);
      for (const name of ["before", "skip"]) url.searchParams.delete(name);
      url.searchParams.set("over", over);
      url.searchParams.set("under", under);
      location.assign(url);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
    addEventListener("pointercancel", up);
  };

  const click = (event) => dragged && event.preventDefault();
  const still = (event) => event.preventDefault(); // a link would be dragged away

  box.addEventListener("pointerdown", down);
  box.addEventListener("click", click);
  box.addEventListener("dragstart", still);
});
