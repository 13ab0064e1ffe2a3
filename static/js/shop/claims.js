// Orders that the server has not answered for. They stand in a list of their own above the server's,
// which no live frame touches, and are kept in this browser until they are answered or dropped: each
// under a name of its own, because tabs that write at the same time do not see each other's writes.

const KEPT_FOR = 7 * 24 * 3600 * 1000; // ms
const MOST = 200;

export const list = () => document.getElementById("claims");
const prefix = () => `flowdeck-claim-${list().dataset.user}-`; // of this account only

function read(name) {
  try {
    const claim = JSON.parse(localStorage.getItem(name));
    return Date.now() - claim.at < KEPT_FOR ? claim : null;
  } catch {
    return null; // private mode, or somebody else's text under this name: then a reload forgets
  }
}

function names() {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(prefix())).slice(0, MOST);
  } catch {
    return [];
  }
}

/** What is kept: `{key, fields: [[name, value]], what, total, when, at}`, newest first. */
export const kept = () => names().map(read).filter(Boolean).sort((one, other) => other.at - one.at);

export function keep(claim) {
  try {
    localStorage.setItem(prefix() + claim.key, JSON.stringify(claim));
  } catch { /* full or forbidden: the claim lives as long as its page */ }
}

export function forget(key) {
  try {
    localStorage.removeItem(prefix() + key);
  } catch { /* nothing was kept */ }
}

/** Remember what became of a claim, if it is kept still. */
export function note(key, when) {
  const claim = read(prefix() + key);
  if (claim) keep({ ...claim, when });
}

/** Whether the server's own list shows this order. */
export const isAnswered = (key) => document.querySelector(`#orders > [id="order-${CSS.escape(key)}"]`) !== null;
