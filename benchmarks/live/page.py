"""A page in a real Chromium that measures itself: when rows are painted, what a flood costs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page

from tests.stage import a_chromium

# A row counts as painted in the frame after the one it was inserted for, if it is in view then: the
# list puts in what is below the fold once it is calm.
_WATCH = """
window.painted = new Map();
window.cost = { swaps: 0, longest: 0, nodes: 0 };
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) cost.longest = Math.max(cost.longest, task.duration);
}).observe({ type: "longtask" });
window.came = new Map(); // position -> when its frame was sent, and when it came
window.WebSocket = class extends WebSocket {
  constructor(...all) {
    super(...all);
    this.addEventListener("message", ({ data }) => {
      const sent = typeof data === "string" && /"at": "([^"]+)"/.exec(data.slice(0, 200));
      const times = sent && [Date.parse(sent[1]), performance.timeOrigin + performance.now()];
      for (const [, id] of sent ? data.matchAll(/id=."event-([0-9]+)/g) : [])
        if (!came.has(id)) came.set(id, times);
    });
  }
};
setInterval(() => {
  cost.nodes = Math.max(cost.nodes, document.getElementsByTagName("*").length);
}, 500);
addEventListener("DOMContentLoaded", () => {
  const swap = htmx.swap;
  htmx.swap = function (...all) { cost.swaps += 1; return swap.apply(this, all); };
  const rows = document.getElementById("log-rows");
  if (!rows) return;
  new MutationObserver((records) => {
    const fresh = [];
    for (const { addedNodes } of records)
      for (const { id } of addedNodes) if (id?.startsWith("event-")) fresh.push(id.slice(6));
    if (!fresh.length) return;
    requestAnimationFrame(() => {
      const inView = fresh.filter((id) => {
        const place = document.getElementById(`event-${id}`)?.getBoundingClientRect();
        return place && place.bottom > 0 && place.top < innerHeight;
      });
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        const at = performance.timeOrigin + performance.now();
        for (const id of inView) if (!painted.has(id)) painted.set(id, at);
      };
      channel.port2.postMessage(0);
    });
  }).observe(rows, { childList: true });
});
"""


@contextmanager
def opened(port: int, cookie: str, path: str) -> Iterator[Page]:
    """The page at ``path``, with somebody signed in."""
    with a_chromium() as browser:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies(
            [{"name": "sessionid", "value": cookie, "url": f"http://127.0.0.1:{port}"}]
        )
        page = context.new_page()
        page.add_init_script(_WATCH)
        page.goto(f"http://127.0.0.1:{port}{path}")
        page.wait_for_selector('[data-behaviour~="connection"][data-state="live"]')
        yield page


def heap(page: Page) -> float:
    """Megabytes in use after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    found: dict[str, Any] = session.send("Runtime.getHeapUsage")
    session.detach()
    return float(found["usedSize"]) / 1e6
