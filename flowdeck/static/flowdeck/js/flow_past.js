// A past minute on the flow map, played at 0.5x to 20x: each hop is a dot along its connection, and
// every connection says how many went over it until then. Counts are exact; dots are bounded, and there
// are none for whoever wants no motion.

import { named } from "./behaviour.js";

const MOST_DOTS = 80;
const FLIGHT = 700; // ms that a dot takes, whatever the speed
const SVG = "http://www.w3.org/2000/svg";
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** The connections of the drawing, each with its way and the text that counts. */
function connections(page) {
  const found = new Map();
  for (const edge of page.querySelectorAll(".fe")) {
    const path = edge.querySelector("path");
    const length = path.getTotalLength();
    const middle = path.getPointAtLength(length / 2);
    const text = edge.appendChild(document.createElementNS(SVG, "text"));
    text.setAttribute("class", "fr");
    text.setAttribute("text-anchor", "middle");
    text.setAttribute("x", middle.x);
    text.setAttribute("y", middle.y - 5);
    found.set(`${edge.dataset.from} ${edge.dataset.to}`, { edge, path, length, text, count: 0 });
  }
  return found;
}

named("flow-past", (page) => {
  const find = (name) => page.querySelector(`[data-${name}]`);
  const play = find("play"), range = find("moment"), said = find("said");
  const known = connections(page);
  let hops = [], since = 0, now = 0, next = 0, last = 0, frame = 0;
  let dots = [];
  const totals = { events: 0, deliveries: 0 };
  const playing = () => play.getAttribute("aria-pressed") === "true";

  const launch = (way, at) => {
    if (still.matches || dots.length >= MOST_DOTS) return;
    const circle = way.edge.appendChild(document.createElementNS(SVG, "circle"));
    circle.setAttribute("r", 3.2);
    circle.setAttribute("class", "past");
    dots.push({ circle, way, at });
  };

  const pass = ([, from, to, count], at) => {
    totals[to.startsWith("type:") ? "events" : "deliveries"] += count;
    const way = known.get(`${from} ${to}`);
    if (!way) return;
    way.count += count;
    if (at !== null) launch(way, at);
  };

  const fly = (at) => {
    dots = dots.filter((dot) => {
      const share = (at - dot.at) / FLIGHT;
      if (share >= 1) return dot.circle.remove(), false;
      const { x, y } = dot.way.path.getPointAtLength(dot.way.length * Math.max(0, share));
      dot.circle.setAttribute("cx", x);
      dot.circle.setAttribute("cy", y);
      return true;
    });
  };

  const paint = () => {
    for (const way of known.values()) {
      const text = way.count ? way.count.toLocaleString("en") : "";
      if (way.text.textContent !== text) way.text.textContent = text;
    }
    const clock = new Date(since + now).toISOString().slice(11, 21);
    range.value = now;
    range.setAttribute("aria-valuetext", clock);
    find("clock").textContent = clock;
    for (const [name, count] of Object.entries(totals)) find(name).textContent = count.toLocaleString("en");
  };

  /** Go to a moment; what lies between is counted, and shown as dots if it is played (`at`). */
  const go = (moment, at = null) => {
    if (moment < now) {
      next = totals.events = totals.deliveries = 0;
      for (const way of known.values()) way.count = 0;
    }
    now = Math.min(Math.max(0, moment), Number(range.max));
    while (next < hops.length && hops[next][0] <= now) pass(hops[next++], at);
    paint();
  };

  const press = (on) => play.setAttribute("aria-pressed", on);

  const tick = (at) => {
    frame = requestAnimationFrame(tick);
    if (playing()) go(now + (at - last) * Number(find("speed").value), at);
    if (now >= Number(range.max)) press(false);
    last = at;
    fly(at);
  };

  const start = () => {
    if (!playing() && now >= Number(range.max)) go(0);
    press(!playing());
  };

  const load = async () => {
    const answer = await fetch(page.dataset.url);
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
    const minute = await answer.json();
    since = Date.parse(minute.since);
    hops = minute.hops;
    const more = minute.cut ? " It was busier than can be shown: the end of it is left out." : "";
    said.textContent = hops.length ? `The minute is loaded: play it, or drag the slider.${more}` : "Nothing happened in this minute: choose another one.";
    page.dataset.ready = "";
    go(0);
    frame = requestAnimationFrame(tick);
  };

  play.addEventListener("click", start);
  range.addEventListener("input", () => go(Number(range.value)));
  load().catch((error) => (said.textContent = `The minute can't be loaded: ${error.message} Reload the page to try again.`));
  return () => cancelAnimationFrame(frame);
});
