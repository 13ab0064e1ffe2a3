// Times that go on: ages ("2 h 51 min") and countdowns ("4 s"), counted from the server's clock.
// An element carries data-time="age" or "countdown" and the moment in datetime or data-at.

import { on } from "./signal.js";

let offset = 0; // server's clock minus ours, ms

on("frame", ({ at }) => { if (at) offset = Date.parse(at) - Date.now(); });

const two = (big, unit, small, smallUnit) => (small ? `${big} ${unit} ${small} ${smallUnit}` : `${big} ${unit}`);

export function span(total) {
  const minutes = Math.floor(total / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (days) return two(days, "d", hours % 24, "h");
  if (hours) return two(hours, "h", minutes % 60, "min");
  return minutes ? two(minutes, "min", total % 60, "s") : `${total} s`;
}

function tick() {
  const now = Date.now() + offset;
  for (const element of document.querySelectorAll("[data-time]")) {
    const moment = Date.parse(element.getAttribute("datetime") ?? element.dataset.at);
    const seconds = Math.round((now - moment) / 1000);
    if (element.dataset.time === "countdown") write(element, seconds >= 0 ? "now" : span(-seconds));
    else if (seconds < 60 || seconds % 60 === 0) write(element, span(Math.max(0, seconds)));
  }
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

setInterval(tick, 1000);
