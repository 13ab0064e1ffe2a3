// The cart: what is wanted of each product, shown once more with its sum. It is kept in this browser,
// and becomes the claim when it is ordered.

import { named as behaves } from "../../flowdeck/js/behaviour.js";
import { all, asks, cost, euros, field, named } from "./products.js";

const form = () => document.getElementById("cart");
const store = () => `flowdeck-cart-${document.getElementById("claims").dataset.user}`; // of this account only
const lineOf = (sku) => form().querySelector(`[data-line="${CSS.escape(sku)}"]`);

/** What is in it: `[sku, quantity as typed]`. */
export const lines = () =>
  all().map((product) => [product.dataset.sku, field(product).value]).filter(([, typed]) => asks(typed));

/** Put lines into it, in place of what it holds of these products. */
export function fill(wanted) {
  for (const [sku, quantity] of wanted) {
    const product = named(sku);
    if (product) field(product).value = quantity;
  }
  show();
}

export const empty = () => fill(lines().map(([sku]) => [sku, 0]));

function remember(wanted) {
  try {
    if (wanted.length) localStorage.setItem(store(), JSON.stringify(wanted));
    else localStorage.removeItem(store());
  } catch { /* private mode or full: a reload empties it */ }
}

function recall() {
  try {
    return JSON.parse(localStorage.getItem(store()) ?? "[]");
  } catch {
    return [];
  }
}

function newLine(sku) {
  const line = document.getElementById("cart-line").content.firstElementChild.cloneNode(true);
  const product = named(sku), { name, price } = product.dataset;
  line.dataset.line = sku;
  line.querySelector("b").textContent = name;
  line.querySelector(".what .dim").textContent = `${euros(Number(price))} each`;
  line.querySelector(".thumb").append(product.querySelector(".art svg").cloneNode(true));
  line.querySelector(".thumb").classList.add(...[...product.classList].filter((one) => /^c\d$/.test(one)));
  for (const one of line.querySelectorAll(".qty, .qty input")) one.ariaLabel = `Quantity of ${name}`;
  line.querySelector("[data-remove]").ariaLabel = `Remove ${name}`;
  return line;
}

function showLine([sku, typed]) {
  const line = lineOf(sku) ?? form().querySelector("ul").appendChild(newLine(sku));
  const input = line.querySelector("input");
  if (input.value !== typed) input.value = typed;
  line.querySelector(".amt").textContent = euros(cost([[sku, typed]]));
}

function show() {
  const wanted = lines(), sum = euros(cost(wanted));
  const pieces = wanted.reduce((count, [, typed]) => count + (Number(typed) || 0), 0);
  const skus = new Set(wanted.map(([sku]) => sku));
  for (const line of form().querySelectorAll("[data-line]")) if (!skus.has(line.dataset.line)) line.remove();
  wanted.forEach(showLine);
  for (const product of all()) product.classList.toggle("chosen", skus.has(product.dataset.sku));
  form().querySelector("[data-things]").textContent = pieces ? `${pieces} ${pieces > 1 ? "things" : "thing"}` : "nothing in it yet";
  form().querySelector("[data-empty]").hidden = !wanted.length;
  form().querySelector("[data-sum]").textContent = sum;
  const button = document.getElementById("place-order");
  button.textContent = wanted.length ? `Place order, ${sum}` : "Place order";
  button.ariaDisabled = String(!wanted.length);
  remember(wanted);
}

/** The new quantity after a click on minus or plus, or null. */
function stepped(event) {
  const button = event.target.closest("[data-step]");
  if (!button) return null;
  const input = button.parentElement.querySelector("input");
  return Math.min(Number(input.max), Math.max(0, (Number(input.value) || 0) + Number(button.dataset.step)));
}

behaves("products", (section) => {
  const click = (event) => {
    const product = event.target.closest("[data-sku]");
    if (!product) return;
    const adds = event.target.closest("[data-add]"), quantity = adds ? 1 : stepped(event);
    if (quantity === null) return;
    fill([[product.dataset.sku, quantity]]);
    // Where one pointed is another button now.
    if (adds) product.querySelector('[data-step="1"]').focus();
    else if (!quantity) product.querySelector("[data-add]").focus();
  };
  section.addEventListener("click", click);
  section.addEventListener("input", show);
  return () => { section.removeEventListener("click", click); section.removeEventListener("input", show); };
});

behaves("cart", (cart) => {
  const typed = new Map(lines()); // by a form that was refused
  fill(recall().filter(([sku]) => !typed.has(sku)));
  const click = (event) => {
    if (event.target.closest("[data-empty]")) return empty();
    const sku = event.target.closest("[data-line]")?.dataset.line;
    const quantity = event.target.closest("[data-remove]") ? 0 : stepped(event);
    if (sku && quantity !== null) fill([[sku, quantity]]);
  };
  const input = (event) => fill([[event.target.closest("[data-line]").dataset.line, event.target.value]]);
  const lines_ = cart.querySelector("ul");
  cart.addEventListener("click", click);
  lines_.addEventListener("change", input);
  return () => { cart.removeEventListener("click", click); lines_.removeEventListener("change", input); };
});

// The same once more: an order that was corrected goes back into the cart.
behaves("order-again", (section) => {
  const again = (event) => {
    const link = event.target.closest("[data-fill]");
    if (!link) return;
    event.preventDefault();
    fill(JSON.parse(link.dataset.fill));
    document.getElementById("place-order").focus();
  };
  section.addEventListener("click", again);
  return () => section.removeEventListener("click", again);
});
