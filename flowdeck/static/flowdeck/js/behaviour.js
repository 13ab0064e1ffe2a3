// A behaviour is mounted on every element that matches its selector and unmounted when the element
// leaves the page, however it came or went: first load, swap, morph or a cloned template.

const known = new Map(); // selector -> mount
const mounted = new WeakMap(); // element -> Map of selector -> unmount

/** Run `mount(element)` on each match, now and later; what it returns runs when the match leaves. */
export function behaviour(selector, mount) {
  known.set(selector, mount);
  enter(document.documentElement);
}

/** Shorthand for elements that name their behaviours: `data-behaviour="menu search"`. */
export const named = (name, mount) => behaviour(`[data-behaviour~="${name}"]`, mount);

function matches(root, selector) {
  const found = [...root.querySelectorAll(selector)];
  if (root.matches(selector)) found.unshift(root);
  return found;
}

function enter(root) {
  for (const [selector, mount] of known) {
    for (const element of matches(root, selector)) {
      const own = mounted.get(element) ?? new Map();
      if (own.has(selector)) continue;
      mounted.set(element, own.set(selector, () => {}));
      own.set(selector, mount(element) ?? (() => {}));
    }
  }
}

function leave(root) {
  for (const element of [root, ...root.querySelectorAll("*")]) {
    if (element.isConnected || !mounted.has(element)) continue; // moved by a morph, not removed
    for (const unmount of mounted.get(element).values()) unmount();
    mounted.delete(element);
  }
}

new MutationObserver((records) => {
  for (const { addedNodes, removedNodes } of records) {
    for (const node of removedNodes) if (node.nodeType === Node.ELEMENT_NODE) leave(node);
    for (const node of addedNodes) if (node.nodeType === Node.ELEMENT_NODE && node.isConnected) enter(node);
  }
}).observe(document.documentElement, { childList: true, subtree: true });
