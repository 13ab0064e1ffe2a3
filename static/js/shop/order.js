// Placing an order is optimistic: the row is there before the server answers, under the id it keeps
// (the idempotency key made here). The answer, or a live frame, is morphed into that row. A key lives
// until its order is answered, so a double click and a resend make one order.

import { behaviour, named } from "../../flowdeck/js/behaviour.js";
import { on } from "../../flowdeck/js/signal.js";
import * as claims from "./claims.js";

const rowOf = (key) => `order-${key}`;

function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // plain http on another host
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function draw({ key, fields, what, total }) {
  const row = document.getElementById("ghost-order").content.firstElementChild.cloneNode(true);
  row.id = rowOf(key);
  row.dataset.key = key;
  row.querySelector("[data-what]").textContent = what;
  row.querySelector("[data-total]").textContent = total;
  const again = row.querySelector("[data-again]");
  for (const [name, value] of fields) {
    again.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  return row;
}

function claimOf(form, body) {
  const quantity = Number(body.get("quantity"));
  return {
    key: body.get("key"),
    fields: [...body].filter(([name]) => name !== "csrfmiddlewaretoken"),
    what: `${quantity} × ${form.dataset.name}`,
    total: `€${(quantity * Number(form.dataset.price)).toFixed(2)}`,
    when: "sent",
    at: Date.now(),
  };
}

function place(row) {
  claims.list().prepend(row); // what stands for an empty list hides itself by CSS
  htmx.process(row);
}

/** Say on the row what became of the claim: sent, unreachable, failed, signed-out or kept. */
function say(row, when) {
  for (const text of row.querySelectorAll("[data-when]")) text.hidden = text.dataset.when !== when;
  row.querySelector("[data-claim]").hidden = when !== "sent";
  row.querySelector("[data-again]").hidden = when === "sent" || when === "signed-out";
  row.classList.toggle("stuck", when !== "sent");
  claims.note(row.dataset.key, when);
}

function whatFailed({ response }) {
  if (!response) return "unreachable";
  if (response.raw.redirected || [401, 403].includes(response.status)) return "signed-out";
  return "failed";
}

named("places-order", (form) => {
  const busy = new Set(); // buttons whose order is under way; another story may be ordered meanwhile
  const claimed = (event) => {
    if (event.target !== form) return;
    const { body, submitter } = event.detail.ctx.request;
    if (busy.has(submitter)) return event.preventDefault();
    busy.add(submitter);
    body.set("key", newKey());
    const claim = claimOf(form, body);
    claims.keep(claim);
    place(draw(claim));
    claims.list().closest(".scroll").scrollTo({ top: 0 });
  };
  const answered = (event) => {
    if (event.target !== form) return;
    const { body, submitter } = event.detail.ctx.request;
    busy.delete(submitter);
    settle(body.get("key"), event.detail.ctx);
  };
  // The second click of a double click, and a key held down, are no second order, however fast the
  // first was answered.
  const twice = (event) => {
    const again = event.type === "click" ? event.detail > 1 : event.repeat && event.key === "Enter";
    if (again && event.target.closest("button:not([type=button]), input")) event.preventDefault();
  };
  form.addEventListener("click", twice);
  form.addEventListener("keydown", twice);
  form.addEventListener("htmx:config:request", claimed);
  form.addEventListener("htmx:finally:request", answered);
  return () => {
    form.removeEventListener("click", twice);
    form.removeEventListener("keydown", twice);
    form.removeEventListener("htmx:config:request", claimed);
    form.removeEventListener("htmx:finally:request", answered);
  };
});

/** A row that is a claim still, though its request is over, was not answered for. */
function settle(key, ctx) {
  const row = document.getElementById(rowOf(key));
  if (row?.classList.contains("ghost")) say(row, whatFailed(ctx));
  else claims.forget(key);
}

// The same order once more, out of its own row.
behaviour("#claims [data-again]", (form) => {
  const row = form.closest(".order");
  const send = () => say(row, "sent");
  const answered = (event) => settle(row.dataset.key, event.detail.ctx);
  form.addEventListener("htmx:before:request", send);
  form.addEventListener("htmx:finally:request", answered);
  return () => {
    form.removeEventListener("htmx:before:request", send);
    form.removeEventListener("htmx:finally:request", answered);
  };
});

// What was kept comes back with the page. Nobody knows whether it reached the server, but its key does.
named("claims", (list) => {
  const drop = (event) => {
    const row = event.target.closest("[data-drop]")?.closest(".order");
    if (!row) return;
    claims.forget(row.dataset.key);
    row.remove();
  };
  for (const claim of claims.kept().reverse()) {
    if (claims.isAnswered(claim.key)) {
      claims.forget(claim.key);
      continue;
    }
    const row = draw(claim);
    place(row);
    say(row, claim.when === "signed-out" ? "kept" : claim.when === "sent" ? "unreachable" : claim.when);
  }
  list.addEventListener("click", drop);
  return () => list.removeEventListener("click", drop);
});

// A frame may bring an order before its answer does: the claim makes room for it.
on("frame", () => {
  for (const row of [...(claims.list()?.children ?? [])]) {
    const key = row.id.slice("order-".length);
    if (!claims.isAnswered(key)) continue;
    claims.forget(key);
    row.remove();
  }
});
