// What belongs to the event that is pointed at: its correlation stays bright, the rest dims, and
// lines lead from each event to what it set off. A selection is drawn by the server and goes first.

const AFTER = 120; // ms of pointing, so that a passing pointer lights nothing up

/** Watches the marks of `page`; returns what ends it. */
export function showKin(page) {
  let timer = 0;

  const place = (mark, box) => {
    const own = mark.querySelector("use").getBoundingClientRect();
    return [((own.left + own.width / 2 - box.left) / box.width) * 1000, own.top + own.height / 2 - box.top];
  };

  const lines = (chart, marks) => {
    const box = chart.getBoundingClientRect();
    const make = (name, attributes) => {
      const made = document.createElementNS(chart.namespaceURI, name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      return made;
    };
    const layer = make("svg", { class: "arcs pointed", viewBox: `0 0 1000 ${box.height}`, height: box.height, width: "100%", preserveAspectRatio: "none", "aria-hidden": "true" });
    for (const mark of marks) {
      const cause = marks.find((other) => other.dataset.position === mark.dataset.cause);
      if (!cause) continue;
      const [[x1, y1], [x2, y2]] = [place(cause, box), place(mark, box)];
      const middle = (y1 + y2) / 2;
      layer.append(make("path", { class: "arc", d: `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}` }));
    }
    chart.querySelector(".paper").after(layer);
  };

  const show = (mark) => {
    const chart = mark.closest(".lanesvg");
    if (!chart || chart.classList.contains("picked")) return;
    const own = [...chart.querySelectorAll(`[data-c="${CSS.escape(mark.dataset.c)}"]`)];
    own.forEach((part) => part.classList.add("kin"));
    lines(chart, own.filter((part) => part.matches(".ev")));
    chart.classList.add("picked", "pointing");
  };

  const hide = () => {
    clearTimeout(timer);
    for (const chart of page.querySelectorAll(".lanesvg.pointing")) {
      chart.querySelectorAll(".kin").forEach((part) => part.classList.remove("kin"));
      chart.querySelectorAll(".pointed").forEach((layer) => layer.remove());
      chart.classList.remove("picked", "pointing");
    }
  };

  const over = (event) => {
    const mark = event.target.closest?.(".ev");
    hide();
    if (mark) timer = setTimeout(show, event.type === "focusin" ? 0 : AFTER, mark);
  };

  page.addEventListener("pointerover", over);
  page.addEventListener("focusin", over);
  page.addEventListener("pointerleave", hide);
  return hide;
}
