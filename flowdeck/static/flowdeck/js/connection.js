// The connection pill. Its words come from the element's data attributes; here only the facts:
// latency, attempt and countdown, age. Figures stand outside of role=status, so that a screen reader
// hears the state when it changes and nothing else.

import { named } from "./behaviour.js";
import { on } from "./signal.js";

const seconds = (ms) => `${Math.max(0, Math.round(ms / 1000))} s`;
const latest = { state: "none" };

on("connection", (change) => {
  if (change.state !== latest.state) latest.latency = undefined;
  Object.assign(latest, change);
});

function details({ state, latency, attempt, at, since }) {
  if (state === "live") return latency === undefined ? "" : `${Math.round(latency)} ms`;
  if (state === "reconnecting") return `attempt ${attempt}, in ${seconds(at - Date.now())}`;
  if (state === "offline" || state === "waiting") return seconds(Date.now() - since);
  return "";
}

named("connection", (pill) => {
  const word = pill.querySelector("[data-word]");
  const detail = pill.querySelector("[data-detail]");
  const show = () => {
    const name = latest.state.replace(/-(.)/, (_, letter) => letter.toUpperCase());
    if (pill.dataset.state !== latest.state) {
      pill.dataset.state = latest.state;
      word.textContent = pill.dataset[name];
    }
    detail.textContent = details(latest);
  };
  const stop = on("connection", show);
  const timer = setInterval(() => latest.state !== "live" && show(), 1000);
  show();
  return () => { stop(); clearInterval(timer); };
});
