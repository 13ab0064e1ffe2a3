// Orders that the server has not answered for. They stand in a list of their own above the server's,
// which no live frame touches, and are kept in this browser until they are answered or dropped.

const KEPT_FOR = 7 * 24 * 3600 * 1000; // ms
const MOST = 200;

export const list = () => document.getElementById("claims");
const store = () => `flowdeck-claims-${list().dataset.user}`; // of this account only

/** What is kept: `{key, fields: [[name, value]], what, total, when, at}`, newest first. */
export function kept() {
  try {
    const all = JSON.parse(localStorage.getItem(store()) ?? "[]");
    return all.filter((claim) => Date.now() - claim.at < KEPT_FOR);
  } catch {
    return []; // private mode, or somebody else's text under this name: then a reload forgets
  }
}

function write(all) {
  try {
    if (all.length) localStorage.setItem(store(), JSON.stringify(all.slice(0, MOST)));
    else localStorage.removeItem(store());
  } catch { /* full or forbidden: the claim lives as long as its page */ }
}

export const keep = (claim) => write([claim, ...kept().filter(({ key }) => key !== claim.key)]);
export const forget = (key) => write(kept().filter((claim) => claim.key !== key));

/** Remember what became of a claim, if it is kept still. */
export function note(key, when) {
  const claim = kept().find((one) => one.key === key);
  if (claim) keep({ ...claim, when });
}

/** Whether the server's own list shows this order. */
export const isAnswered = (key) => document.querySelector(`#orders > [id="order-${CSS.escape(key)}"]`) !== null;
