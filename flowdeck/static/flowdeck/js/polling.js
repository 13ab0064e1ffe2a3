// Updates by plain HTTP while no socket opens (a proxy swallows or refuses its upgrade): whole
// regions, as a reload would show them, every few seconds while somebody looks.

const FIRST = 1_000; // ms after a failed attempt: most lines are back by then
const EVERY = 5_000;
const PATIENCE = 15_000; // ms for one answer

export class Polling {
  state = ""; // "polling": updates come; "waiting": for the database; "" as long as nobody answers
  onchange = () => {};
  onsignedout = () => {};
  #path; #names; #onmessage; #timer = 0; #running = false;

  constructor(path, names, onmessage) {
    this.#path = path;
    this.#names = names;
    this.#onmessage = onmessage;
    document.addEventListener("visibilitychange", () => document.hidden || this.#soon(0));
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#soon(FIRST);
  }

  stop() {
    this.#running = false;
    this.state = "";
    clearTimeout(this.#timer);
  }

  #soon(wait) {
    clearTimeout(this.#timer);
    if (this.#running) this.#timer = setTimeout(() => this.#poll(), wait);
  }

  async #poll() {
    if (!document.hidden) {
      const state = navigator.onLine ? await this.#ask() : "";
      if (!this.#running) return;
      if (state !== this.state) {
        this.state = state;
        this.onchange();
      }
    }
    this.#soon(EVERY);
  }

  async #ask() {
    const asked = new URLSearchParams([...this.#names()].map((name) => ["view", name]));
    if (!asked.size) return this.state;
    try {
      const answer = await fetch(`${this.#path}?${asked}`, { redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      if (answer.status === 503) return "waiting";
      if (answer.ok && this.#running) this.#onmessage(await answer.json());
      else if (answer.type === "opaqueredirect" && this.#running) this.onsignedout();
      return answer.ok ? "polling" : "";
    } catch {
      return ""; // no network, or nobody there
    }
  }
}
