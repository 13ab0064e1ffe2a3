// The page's one websocket: opens, beats, comes back with backoff and jitter, and says how it is:
// connecting, live, waiting (the server does, for its database), reconnecting (the server went away),
// polling (no socket opens, but HTTP brings updates), offline (no network, or nobody answers for
// long), signed-out (close code 4401; it then stays closed).

import { tell } from "./signal.js";

const SIGNED_OUT = 4401;
const OPENING = 5_000; // ms for the handshake: some proxies swallow it
const BEAT = 10_000; // ms between pings
const SILENCE = 5_000; // ms without an answer after which the line counts as cut
const FIRST_WAIT = 400;
const LONGEST_WAIT = 10_000;
const OFFLINE_AFTER = 4; // failed attempts

export class LiveSocket {
  #url; #onopen; #onmessage; #polling;
  #socket = null; #attempt = 0; #retry = 0; #beat = 0; #silence = 0; #since = null; #at = 0; #waiting = false;

  /** `polling` is to be used while no socket opens. */
  constructor(path, polling, { onopen, onmessage }) {
    this.#url = new URL(path, location.href.replace(/^http/, "ws"));
    this.#onopen = onopen;
    this.#onmessage = onmessage;
    this.#polling = polling;
    polling.onchange = () => this.#say();
    polling.onsignedout = () => this.signedOut();
    addEventListener("online", () => this.#now());
    addEventListener("offline", () => this.#cut());
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
  }

  open() {
    if (!this.#attempt) tell("connection", { state: "connecting" });
    this.#socket = new WebSocket(this.#url);
    this.#socket.onopen = () => this.#opened();
    this.#socket.onmessage = (event) => this.#heard(JSON.parse(event.data));
    this.#socket.onclose = (event) => this.#closed(event.code);
    this.#silence = setTimeout(() => this.#cut(), OPENING);
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  signedOut() {
    this.#stop();
    this.#polling.stop();
    if (this.#socket) this.#socket.onclose = this.#socket.onopen = null;
    this.#socket?.close();
    this.#socket = null;
    this.#attempt = 0; // nobody is to open it again
    tell("connection", { state: "signed-out" });
  }

  #opened() {
    this.#attempt = 0;
    this.#since = null;
    this.#waiting = false;
    this.#polling.stop();
    tell("connection", { state: "live" });
    this.#onopen();
    this.#ping();
  }

  #heard(message) {
    clearTimeout(this.#silence);
    if ("pong" in message) this.#alive(performance.now() - message.pong);
    else if ("waiting" in message) this.#wait(message.waiting !== null);
    else if (message.signed_out) this.signedOut();
    else this.#onmessage(message);
  }

  #alive(latency) {
    if (!this.#waiting) tell("connection", { state: "live", latency });
  }

  #wait(waiting) {
    this.#waiting = waiting;
    tell("connection", waiting ? { state: "waiting", since: Date.now() } : { state: "live" });
  }

  #ping() {
    clearTimeout(this.#beat);
    clearTimeout(this.#silence);
    this.send({ ping: performance.now() });
    this.#beat = setTimeout(() => this.#ping(), BEAT);
    this.#silence = setTimeout(() => this.#cut(), SILENCE);
  }

  /** The line is dead though nobody told (laptop asleep, network gone). */
  #cut() {
    const socket = this.#socket;
    if (!socket) return;
    socket.onopen = socket.onclose = socket.onmessage = null;
    socket.close();
    this.#closed();
  }

  #closed(code) {
    this.#stop();
    this.#socket = null;
    if (code === SIGNED_OUT) return tell("connection", { state: "signed-out" });
    this.#since ??= Date.now();
    this.#attempt += 1;
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (this.#attempt - 1));
    const wait = longest * (0.5 + Math.random() / 2); // a restarted server is not stormed
    this.#at = Date.now() + wait;
    this.#polling.start();
    this.#say();
    this.#retry = setTimeout(() => this.open(), wait);
  }

  /** How it is while there is no line. */
  #say() {
    const gone = !navigator.onLine || this.#attempt > OFFLINE_AFTER;
    const state = (navigator.onLine && this.#polling.state) || (gone ? "offline" : "reconnecting");
    tell("connection", { state, attempt: this.#attempt, at: this.#at, since: this.#since });
  }

  #stop() {
    for (const timer of [this.#retry, this.#beat, this.#silence]) clearTimeout(timer);
  }

  #now() {
    if (this.#socket || !this.#attempt) return;
    clearTimeout(this.#retry);
    this.open();
  }

  #wake() {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#ping();
    else this.#now();
  }
}
