// Live regions: an element with data-live-view="log" shows what the server has, by one socket for
// the whole page. Frames carry HTML that htmx swaps out of band, morphing, so that focus, selection
// and scroll stay. While no socket opens, whole regions come by HTTP.

import { behaviour } from "./behaviour.js";
import { Polling } from "./polling.js";
import { on, tell } from "./signal.js";
import { LiveSocket } from "./socket.js";

const views = new Map(); // name -> number of regions that show it
const asked = new Set(); // names this connection watches
let socket = null;
let seen = null; // number of the last frame that is on the page
let asking = false;

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
  const { content, dataset } = document.querySelector('meta[name="flowdeck-live"]');
  const polling = new Polling(dataset.regions, () => views.keys(), put);
  socket = new LiveSocket(content, polling, { onopen: returned, onmessage: receive });
  socket.open();
}

/** A new connection watches nothing yet. */
function returned() {
  asked.clear();
  ask();
}

function receive(message) {
  if (!("frame" in message)) return refuseAll(message);
  put(message);
  seen = message.frame;
}

/** Put a frame, or what came by HTTP, on the page; differences to what was seen before fit no more. */
function put(message) {
  refuseAll(message);
  seen = null;
  // Fragments name their own targets; the main swap has none.
  if (message.html) htmx.swap({ text: message.html, swap: "none", sourceElement: document.body, target: document.body });
  tell("frame", message);
}

function refuseAll({ refused = [] }) {
  for (const { view, reason } of refused) refuse(view, reason);
}

function refuse(view, reason) {
  for (const region of document.querySelectorAll(`[data-live-view="${CSS.escape(view)}"]`)) {
    region.dataset.liveRefused = reason;
  }
  tell("refused", { view, reason });
}

// What is shown while the line is cut may be old.
on("connection", ({ state }) => {
  document.documentElement.toggleAttribute("data-stale", ["offline", "signed-out", "waiting"].includes(state));
});
