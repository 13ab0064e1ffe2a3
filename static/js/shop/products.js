// What is on sale, as the page shows it. How many are wanted stands in the field beside the product.

/** Money as the server writes it (events/money.py). */
export const euros = (amount) =>
  `€${amount.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

export const all = () => [...document.querySelectorAll("[data-sku]")];
export const named = (sku) => document.querySelector(`[data-sku="${CSS.escape(sku)}"]`);
export const field = (product) => product.querySelector("[name=quantity]");

/** Whether a quantity, as it was typed, asks for something. */
export const asks = (typed) => !["", "0"].includes(typed.trim());

/** What lines of `[sku, quantity]` cost together. */
export const cost = (lines) =>
  lines.reduce((sum, [sku, quantity]) => sum + (Number(quantity) || 0) * Number(named(sku)?.dataset.price ?? 0), 0);

/** Lines in words: `1 × Desk lamp, 2 × Notebook`. */
export const told = (lines) =>
  lines.map(([sku, quantity]) => `${quantity} × ${named(sku)?.dataset.name ?? sku}`).join(", ");
