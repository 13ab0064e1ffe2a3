// Live regions: an element with data-live-view="log" shows what the server has, by one socket for
// the whole page. Frames carry HTML that htmx swaps out of band, morphing, so that focus, selection
// and scroll stay. Whoever wants to hold frames (a paused page) sets `hold`.

import { behaviour } from "./behaviour.js";
import { on, tell } from "./signal.js";
import { LiveSocket } from "./socket.js";

const views = new Map(); // name -> number of regions that show it
const asked = new Set(); // names this connection watches
let socket = null;
let seen = null; // number of the last frame that is on the page
let asking = false;
let hold = null; // (frame) => true to keep it off the page

/** Keep frames off the page while `keeper(frame)` says so; null lets them in again, afresh. */
export function holdFrames(keeper) {
  hold = keeper;
  if (hold || !socket) return;
  socket.send({ unsubscribe: [...asked] });
  asked.clear(); // what was held is behind; whole regions close the gap
  ask();
}

behaviour("[data-live-view]", (region) => {
  const name = region.dataset.liveView;
  views.set(name, (views.get(name) ?? 0) + 1);
  ask();
  return () => {
    views.set(name, views.get(name) - 1);
    if (!views.get(name)) views.delete(name);
    ask();
  };
});

/** Say once per turn what this page watches now; opens the socket the first time. */
function ask() {
  if (asking) return;
  asking = true;
  queueMicrotask(() => {
    asking = false;
    if (!socket) return views.size && connect();
    const gone = [...asked].filter((name) => !views.has(name));
    const wanted = [...views.keys()].filter((name) => !asked.has(name));
    if (gone.length) socket.send({ unsubscribe: gone });
    if (wanted.length) socket.send({ subscribe: wanted, seen });
    gone.forEach((name) => asked.delete(name));
    wanted.forEach((name) => asked.add(name));
  });
}

function connect() {
  const path = document.querySelector('meta[name="flowdeck-live"]').content;
  socket = new LiveSocket(path, { onopen: returned, onmessage: receive });
  socket.open();
}

/** A new connection watches nothing yet. */
function returned() {
  asked.clear();
  ask();
}

function receive(message) {
  for (const { view, reason } of message.refused ?? []) refuse(view, reason);
  if (!("frame" in message)) return;
  if (hold?.(message)) return;
  seen = message.frame;
  // Fragments name their own targets; the main swap has none.
  if (message.html) htmx.swap({ text: message.html, swap: "none", sourceElement: document.body, target: document.body });
  tell("frame", message);
}

function refuse(view, reason) {
  for (const region of document.querySelectorAll(`[data-live-view="${CSS.escape(view)}"]`)) {
    region.dataset.liveRefused = reason;
  }
  tell("refused", { view, reason });
}

// What is shown while the line is cut may be old.
on("connection", ({ state }) => {
  document.documentElement.toggleAttribute("data-stale", state === "offline" || state === "signed-out");
});
