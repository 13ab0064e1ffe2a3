// Placing an order is optimistic: the row is there before the server answers, under the id it keeps
// (the idempotency key made here). The answer, or a live frame, is morphed into that row. A key lives
// until its order is answered, so a double click and a resend make one order.

import { named } from "../../flowdeck/js/behaviour.js";
import { on } from "../../flowdeck/js/signal.js";
import * as cart from "./cart.js";
import { claimOf, place, rowOf, say } from "./claim_row.js";
import * as claims from "./claims.js";
import { stay } from "./filter.js";
import { makeRoom } from "./fold.js";
import { asks, cost, euros, told } from "./products.js";
import { hold } from "./reveal.js";

const SLOW = 4_000; // ms after which the page says that there is no answer yet
const PATIENCE = 15_000; // ms for an answer

function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // plain http on another host
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function newClaim(body) {
  const key = newKey(), quantities = body.getAll("quantity"), scenario = body.get("scenario");
  const lines = body.getAll("sku").map((sku, at) => [sku, quantities[at]]).filter(([, typed]) => asks(typed));
  const fields = [["key", key], ...lines.flatMap(([sku, typed]) => [["sku", sku], ["quantity", typed]])];
  if (scenario) fields.push(["scenario", scenario]);
  return { key, fields, what: told(lines), total: euros(cost(lines)), when: "sent", at: Date.now() };
}

named("places-order", (form) => {
  const order = (event) => {
    event.preventDefault();
    const body = new FormData(form, event.submitter);
    if (!body.getAll("quantity").some(asks)) return;
    const claim = newClaim(body);
    if (form.id === "cart") cart.empty();
    for (const row of claims.list().querySelectorAll(".refused")) row.remove();
    claims.keep(claim);
    const row = place(claim);
    makeRoom();
    claims.list().closest(".scroll").scrollTo({ top: 0 });
    send(row);
  };
  // The second click of a double click, and a key held down, are no second order, however fast the
  // first was answered.
  const twice = (event) => {
    const again = event.type === "click" ? event.detail > 1 : event.repeat && event.key === "Enter";
    if (again && event.target.closest("button:not([type=button]), input")) event.preventDefault();
  };
  form.addEventListener("click", twice);
  form.addEventListener("keydown", twice);
  form.addEventListener("submit", order);
  return () => {
    form.removeEventListener("click", twice);
    form.removeEventListener("keydown", twice);
    form.removeEventListener("submit", order);
  };
});

/** Send a claim; its row says what comes of it. Any number may be under way at once. */
async function send(row) {
  say(row, "sent");
  hold(row.id);
  stay(row.id);
  const { key, fields } = claimOf(row);
  const slow = setTimeout(() => isClaim(row) && say(row, "slow"), SLOW);
  const { answer, text } = await post(fields);
  clearTimeout(slow);
  if (answer?.ok || answer?.status === 422) {
    htmx.swap({ text, swap: "none", sourceElement: document.body, target: document.body });
    claims.forget(key);
    if (answer.status === 422) refuse(row);
  } else if (isClaim(row)) say(row, whatFailed(answer));
}

async function post(fields) {
  try {
    const answer = await fetch(document.getElementById("cart").action, {
      method: "POST",
      body: new URLSearchParams(fields),
      headers: { "HX-Request": "true", "X-CSRFToken": document.querySelector("#cart [name=csrfmiddlewaretoken]").value },
      redirect: "manual",
      signal: AbortSignal.timeout(PATIENCE),
    });
    return { answer, text: await answer.text() };
  } catch {
    return {};
  }
}

const isClaim = (row) => row.isConnected && row.classList.contains("ghost");

function whatFailed(answer) {
  if (!answer) return navigator.onLine ? "unreachable" : "offline";
  if (answer.type === "opaqueredirect" || [401, 403].includes(answer.status)) return "signed-out";
  return "failed";
}

/** Nothing was ordered: the cart gets back what it held, unless something else was put in. */
function refuse(row) {
  if (!isClaim(row)) return;
  say(row, "refused");
  const { fields } = claimOf(row), of = (name) => fields.filter(([field]) => field === name).map(([, value]) => value);
  if (!of("scenario").length && !cart.lines().length) cart.fill(of("sku").map((sku, at) => [sku, of("quantity")[at]]));
}

// What was kept comes back with the page. Nobody knows whether it reached the server, but its key does.
named("claims", (list) => {
  const act = (event) => {
    const row = event.target.closest(".order");
    if (event.target.closest("[data-again]")) send(row);
    if (!event.target.closest("[data-drop]")) return;
    claims.forget(claimOf(row).key);
    row.remove();
  };
  for (const claim of claims.kept().reverse()) {
    if (claims.isAnswered(claim.key)) claims.forget(claim.key);
    else say(place(claim), { sent: "slow", "signed-out": "kept", offline: "kept" }[claim.when] ?? claim.when);
  }
  list.addEventListener("click", act);
  return () => list.removeEventListener("click", act);
});

// A frame may bring an order before its answer does: the claim makes room for it.
on("frame", () => {
  for (const row of [...(claims.list()?.children ?? [])]) {
    const key = row.id.slice(rowOf("").length);
    if (!claims.isAnswered(key)) continue;
    claims.forget(key);
    const focused = row.contains(document.activeElement);
    row.remove();
    if (focused) document.querySelector(`[id="${row.id}"] a`)?.focus();
  }
});

// Connected again: what waited for it is sent, one after the other.
let sending = false;
on("connection", async ({ state }) => {
  if (sending || !["live", "polling"].includes(state)) return;
  sending = true;
  for (const row of claims.list()?.querySelectorAll('[data-said="offline"]') ?? []) await send(row);
  sending = false;
});

// Answered or dropped in another tab.
addEventListener("storage", () => {
  const kept = new Set(claims.kept().map(({ key }) => rowOf(key)));
  for (const row of claims.list()?.querySelectorAll(".stuck") ?? []) if (!kept.has(row.id)) row.remove();
});
