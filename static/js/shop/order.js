// Placing an order is optimistic: the row is there before the server answers, under the id it keeps
// (the idempotency key made here). The answer, or a live frame, is morphed into that row. A key lives
// until its order is answered, so a double click and a resend make one order.

import { behaviour, named } from "../../flowdeck/js/behaviour.js";
import { on } from "../../flowdeck/js/signal.js";

const ghosts = new Map(); // row id -> row that the server has not confirmed

const rowOf = (key) => `order-${key}`;

function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // plain http on another host
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function claim(form, body) {
  const row = document.getElementById("ghost-order").content.firstElementChild.cloneNode(true);
  const quantity = Number(body.get("quantity"));
  row.id = rowOf(body.get("key"));
  row.querySelector("[data-what]").textContent = `${quantity} × ${form.dataset.name}`;
  row.querySelector("[data-total]").textContent = `€${(quantity * Number(form.dataset.price)).toFixed(2)}`;
  const again = row.querySelector("[data-again]");
  for (const [name, value] of body) {
    if (name === "csrfmiddlewaretoken") continue;
    const field = Object.assign(document.createElement("input"), { type: "hidden", name, value });
    again.append(field);
  }
  return row;
}

function place(row) {
  const list = document.getElementById("orders");
  list.prepend(row); // what stands for an empty list hides itself by CSS
  htmx.process(row);
  list.closest(".scroll").scrollTo({ top: 0 });
}

/** Say on the row what became of the claim: sent, unreachable, failed or signed-out. */
function say(row, when) {
  for (const text of row.querySelectorAll("[data-when]")) text.hidden = text.dataset.when !== when;
  row.querySelector("[data-claim]").hidden = when !== "sent";
  row.querySelector("[data-again]").hidden = when === "sent" || when === "signed-out";
  row.classList.toggle("stuck", when !== "sent");
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
    const row = claim(form, body);
    ghosts.set(row.id, row);
    place(row);
  };
  const answered = (event) => {
    if (event.target !== form) return;
    const { body, submitter } = event.detail.ctx.request;
    busy.delete(submitter);
    settle(rowOf(body.get("key")), event.detail.ctx);
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
function settle(id, ctx) {
  const row = document.getElementById(id);
  if (row?.classList.contains("ghost")) say(row, whatFailed(ctx));
  else ghosts.delete(id);
}

// The same order once more, out of its own row.
behaviour("#orders [data-again]", (form) => {
  const row = form.closest(".order");
  const send = () => say(row, "sent");
  const answered = (event) => settle(row.id, event.detail.ctx);
  const drop = (event) => {
    if (!event.target.closest("[data-drop]")) return;
    ghosts.delete(row.id);
    row.remove();
  };
  form.addEventListener("htmx:before:request", send);
  form.addEventListener("htmx:finally:request", answered);
  form.addEventListener("click", drop);
  return () => {
    form.removeEventListener("htmx:before:request", send);
    form.removeEventListener("htmx:finally:request", answered);
    form.removeEventListener("click", drop);
  };
});

// A frame that holds the whole list does not know of claims: they go back on top.
on("frame", () => {
  for (const [id, row] of ghosts) {
    const shown = document.getElementById(id);
    if (!shown) place(row);
    else if (!shown.classList.contains("ghost")) ghosts.delete(id);
  }
});
