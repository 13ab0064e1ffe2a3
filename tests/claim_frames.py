"""What Chromium paints of a claim, frame by frame, from the click until nothing changes more."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

_RECORD = """() => {
  const claims = document.querySelector('#claims')
  const seen = window.claimFrames = {frames: [], clicked: 0, painted: 0, shifted: 0}
  const look = id => {
    const row = document.getElementById(id), style = getComputedStyle(row)
    const rim = getComputedStyle(row, '::after')
    return {
      at: performance.now(), opacity: Number(style.opacity), animation: style.animationName,
      rim: rim.borderTopStyle == 'dashed' ? Number(rim.opacity) : 0,
      step: row.classList.contains('ghost') ? 'ghost' : row.dataset.shown ?? 'fact',
      boxes: [...document.querySelectorAll('#my-orders .order, #cart')].map(one => {
        const box = one.getBoundingClientRect()
        return [one.id, box.top, box.height]
      }),
    }
  }
  const watch = id => requestAnimationFrame(() => {
    if (!document.getElementById(id)) return
    seen.frames.push(look(id))
    if (!seen.painted) {
      const painted = new MessageChannel()
      painted.port1.onmessage = () => { seen.painted = performance.now() }
      painted.port2.postMessage('')
    }
    watch(id)
  })
  const clicked = event => { seen.clicked = event.timeStamp }
  addEventListener('click', clicked, {capture: true, once: true})
  new PerformanceObserver(list => {
    for (const shift of list.getEntries()) {
      if (!seen.painted || shift.startTime <= seen.painted) continue
      for (const {previousRect: was, currentRect: is} of shift.sources)
        seen.shifted = Math.max(seen.shifted, Math.abs(was.top - is.top))
    }
  }).observe({type: 'layout-shift'})
  new MutationObserver((_, watching) => {
    watching.disconnect()
    seen.id = claims.firstElementChild.id
    watch(seen.id)
  }).observe(claims, {childList: true})
}"""
_OVER = """outcome => {
  const {frames, id} = window.claimFrames, last = frames.at(-1)
  if (document.getElementById(id)?.dataset.group != outcome) return false
  return last?.step == 'fact' && last.rim == 0 && last.at - frames.findLast(
    frame => frame.step != 'fact').at > 1000
}"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was recorded of one claim; ``row`` is the id of its order's row."""

    row: str
    claim_paint_ms: float
    claim_opacity_first_frame: float
    claim_dashed_ms: float
    layout_shift_px: float
    steps: list[str]
    animation: str


def record(page: Page) -> None:
    """From now on: the next click orders something."""
    page.evaluate(_RECORD)


def seen(page: Page, outcome: str) -> Seen:
    """Wait until its order is confirmed or corrected and shown so; what was seen until then."""
    page.wait_for_function(_OVER, arg=outcome, timeout=60_000)
    found = page.evaluate("window.claimFrames")
    frames = found["frames"]
    # The claim is gone in the frame after the last one that has it.
    end = next(frame["at"] for frame in frames if frame["rim"] < 1)
    return Seen(
        row=found["id"],
        claim_paint_ms=found["painted"] - found["clicked"],
        claim_opacity_first_frame=min(frames[0]["opacity"], frames[0]["rim"]),
        claim_dashed_ms=end - found["painted"],
        layout_shift_px=max(found["shifted"], *(_moved(frames[0], one) for one in frames)),
        steps=[step for step, _ in itertools.groupby(frame["step"] for frame in frames)],
        animation=frames[0]["animation"],
    )


def _moved(first: dict[str, Any], frame: dict[str, Any]) -> float:
    """How far anything that was there moved or grew, in pixels."""
    before = {name: box for name, *box in first["boxes"]}
    return max(
        abs(was - now)
        for name, *box in frame["boxes"]
        for was, now in zip(before[name], box, strict=True)
    )
