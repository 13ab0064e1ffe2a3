// The past on the flow map, played. Of a minute each hop is a dot along its connection, and every
// connection says how many went over it until then. Of a longer reach everything is of one step of
// time: widths and rates, and who failed. Counts are exact; dots are bounded, and there are none for
// whoever wants no motion.

import { named } from "./behaviour.js";
import { shifted } from "./zone.js";

const MOST_DOTS = 80;
const FLIGHT = 700; // ms that a dot takes, whatever the speed
const BARS = 240; // of the pulse above the slider
const SVG = "http://www.w3.org/2000/svg";
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** The connections of the drawing, each with its way and, where there is room, the text that counts. */
function connections(page) {
  const found = new Map();
  for (const edge of page.querySelectorAll(".fe")) {
    const path = edge.querySelector("path");
    const length = path.getTotalLength();
    const text = document.createElementNS(SVG, "text");
    text.setAttribute("class", "fr");
    text.setAttribute("text-anchor", "middle");
    text.setAttribute("x", edge.dataset.x ?? 0);
    text.setAttribute("y", edge.dataset.y ?? 0);
    text.setAttribute("dy", 4);
    if (edge.dataset.x) edge.append(text);
    found.set(`${edge.dataset.from} ${edge.dataset.to}`, { edge, path, length, text, count: 0 });
  }
  return found;
}

/** What happened when, as bars: how many hops, and at the foot how many attempts failed. */
function drawPulse(svg, { hops, failed, seconds }) {
  const all = new Array(BARS).fill(0), bad = new Array(BARS).fill(0);
  const bar = (at) => Math.min(BARS - 1, Math.floor((at / 1000 / seconds) * BARS));
  for (const [at, , , count] of hops) all[bar(at)] += count;
  for (const [at, , count] of failed) bad[bar(at)] += count;
  const most = Math.sqrt(Math.max(1, ...all));
  const draw = (counts, name) => counts.forEach((count, place) => {
    if (!count) return;
    const rect = svg.appendChild(document.createElementNS(SVG, "rect"));
    const height = Math.min(100, (100 * Math.sqrt(count)) / most);
    const box = { x: place + 0.1, width: 0.8, y: 100 - height, height, class: name };
    for (const [key, value] of Object.entries(box)) rect.setAttribute(key, value);
  });
  draw(all, "all");
  draw(bad, "bad");
}

/** How many went to a processor, over all its connections. */
const sum = (counts, processor) =>
  [...counts].reduce((all, [name, count]) => all + (name.endsWith(` ${processor}`) ? count : 0), 0);

/** A rate as the server writes it (flowdeck/words.py). */
function rate(perSecond) {
  if (perSecond >= 9.95) return `${Math.round(perSecond).toLocaleString("en")}/s`;
  return perSecond >= 0.0995 ? `${perSecond.toFixed(1)}/s` : `${Math.round(perSecond * 60)}/min`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

named("flow-past", (page) => {
  const find = (name) => page.querySelector(`[data-${name}]`);
  const play = find("play"), range = find("moment"), said = find("said");
  const known = connections(page);
  let hops = [], failed = [], step = 0, since = 0, now = 0, next = 0, last = 0, frame = 0, shown = -1;
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
    if (at !== null && !step) launch(way, at);
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

  /** Everything of the step that `now` lies in. */
  const paintStep = () => {
    const begin = Math.floor(Math.min(now, range.max - 1) / step) * step;
    if (begin === shown) return;
    shown = begin;
    const counts = new Map(hops.filter(([at]) => at === begin).map(([, from, to, count]) => [`${from} ${to}`, count]));
    for (const [name, way] of known) {
      const perSecond = (1000 * (counts.get(name) ?? 0)) / step;
      way.text.textContent = perSecond ? rate(perSecond) : "";
      way.path.setAttribute("stroke-width", 1.2 + Math.min(4.8, 1.2 * Math.log2(1 + perSecond)));
      way.edge.classList.toggle("quiet", !perSecond);
    }
    const bad = new Map(failed.filter(([at]) => at === begin).map(([, name, count]) => [name, count]));
    for (const node of page.querySelectorAll(".fn.processor")) {
      const name = node.dataset.node, fails = bad.get(name), done = sum(counts, name);
      const words = [done && rate((1000 * done) / step), fails && `${fails.toLocaleString("en")} failed`];
      node.classList.toggle("failing", Boolean(fails));
      write(node.querySelector(".d"), words.filter(Boolean).join(", ") || "quiet");
    }
  };

  const paintCounts = () => {
    for (const way of known.values()) write(way.text, way.count ? way.count.toLocaleString("en") : "");
    const counts = new Map([...known].map(([name, way]) => [name, way.count]));
    for (const node of page.querySelectorAll(".fn.processor")) {
      write(node.querySelector(".d"), `${sum(counts, node.dataset.node).toLocaleString("en")} done`);
    }
  };

  const paint = () => {
    if (step) paintStep();
    else paintCounts();
    const at = shifted(since + now).toISOString();
    const clock = step ? at.slice(0, 19).replace("T", " ") : at.slice(11, 21);
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
    const told = await answer.json();
    ({ hops, failed, step } = told);
    since = Date.parse(told.since);
    range.max = Number(range.max) + step; // the first step began before what was asked for
    drawPulse(find("pulse"), told);
    const more = told.cut ? " It was busier than can be shown: the end of it is left out." : "";
    said.textContent = hops.length ? `Loaded: play it, or drag the slider.${more}` : "Nothing happened in this time: choose another one.";
    page.dataset.ready = "";
    go(0);
    frame = requestAnimationFrame(tick);
  };

  play.addEventListener("click", start);
  range.addEventListener("input", () => go(Number(range.value)));
  load().catch((error) => (said.textContent = `It can't be loaded: ${error.message} Reload the page to try again.`));
  return () => cancelAnimationFrame(frame);
});
