"""Every word of every page can be read: it is large enough, lies on no other, and is whole."""

from __future__ import annotations

import pytest

from tests.browser.test_every_page import PAGES, stored  # noqa: F401 (a fixture)
from tests.people import SignIn
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.long]

WIDTHS = (1440, 1024, 390)
# Digits inside of marks, initials and labels of the tab bar may be smaller than 11 px; what floats
# above the page, or sticks to its edge, may cover what scrolls under it.
MEASURED = """() => {
  const SMALLER = '.avatar, .nav .item', FLOATING = ['fixed', 'sticky']
  const UNSEEN = '.vh, .skip, script, style, noscript, template, option'
  const said = element => element.textContent.trim().replace(/\\s+/g, ' ').slice(0, 40)
  const scale = element => element.ownerSVGElement ? element.getScreenCTM()?.a ?? 1 : 1
  const floats = new Map(), clips = new Map()
  const floating = element => {
    if (!element || element === document.body) return null
    const own = FLOATING.includes(getComputedStyle(element).position)
    if (!floats.has(element)) floats.set(element, own ? element : floating(element.parentElement))
    return floats.get(element)
  }
  const clip = element => {
    if (!element || element === document.documentElement)
      return {left: 0, top: -1e6, right: innerWidth, bottom: 1e6}
    if (clips.has(element)) return clips.get(element)
    let box = clip(element.parentElement)
    const style = getComputedStyle(element)
    const clips_ = style.overflowX !== 'visible' || style.overflowY !== 'visible'
    if (!element.ownerSVGElement && clips_) {
      const own = element.getBoundingClientRect()
      box = {left: Math.max(box.left, own.left), top: Math.max(box.top, own.top),
        right: Math.min(box.right, own.right), bottom: Math.min(box.bottom, own.bottom)}
    }
    clips.set(element, box)
    return box
  }
  const found = {small: new Set(), meeting: new Set(), cut: new Set()}
  const boxes = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node; node = walker.nextNode();) {
    const element = node.parentElement
    if (!node.data.trim() || element.closest(UNSEEN)) continue
    if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue
    const size = parseFloat(getComputedStyle(element).fontSize) * scale(element)
    const range = document.createRange()
    range.selectNodeContents(node)
    const edge = clip(element)
    for (const rect of range.getClientRects()) {
      const box = {left: Math.max(rect.left, edge.left), right: Math.min(rect.right, edge.right),
        top: Math.max(rect.top, edge.top), bottom: Math.min(rect.bottom, edge.bottom)}
      if (box.right - box.left < 2 || box.bottom - box.top < 2) continue
      if (size < 10.95 && !element.closest(SMALLER))
        found.small.add(`${size.toFixed(1)} ${said(element)}`)
      // A line's box is higher than its letters.
      const ink = (box.bottom - box.top) * 0.2
      const letters = {top: box.top + ink, bottom: box.bottom - ink}
      boxes.push({...box, ...letters, element, floats: floating(element)})
    }
  }
  boxes.sort((a, b) => a.top - b.top)
  boxes.forEach((a, place) => {
    for (let next = place + 1; next < boxes.length && boxes[next].top < a.bottom - 1; next++) {
      const b = boxes[next]
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left)
      const high = Math.min(a.bottom, b.bottom) - b.top
      if (wide <= 2 || high <= 1 || a.floats !== b.floats || a.element === b.element) continue
      found.meeting.add(`${said(a.element)} / ${said(b.element)}`)
    }
  })
  for (const element of document.querySelectorAll('body *')) {
    const style = getComputedStyle(element)
    if (style.overflowX !== 'hidden' || element.ownerSVGElement || element.closest(UNSEEN)) continue
    if (!element.clientWidth || element.scrollWidth <= element.clientWidth + 1) continue
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())
    if (!own || !element.checkVisibility()) continue
    if (style.textOverflow === 'ellipsis' && element.closest('[title], [aria-label]')) continue
    found.cut.add(`${element.className}: ${said(element)}`)
  }
  return Object.fromEntries(Object.entries(found).filter(([, set]) => set.size)
    .map(([name, set]) => [name, [...set].slice(0, 8)]))
}"""


@pytest.mark.parametrize("user", PAGES)
def test_words_are_large_enough_lie_apart_and_are_whole(
    user: str,
    sign_in: SignIn,
    site: Site,
    stored: dict[str, str],  # noqa: F811 (the fixture)
) -> None:
    page = sign_in(user, "/account/", reduced_motion="reduce")
    found: dict[str, object] = {}
    for path in PAGES[user]:
        page.goto(site.url + path.format(**stored))
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if faults := page.evaluate(MEASURED):
                found[f"{path} {width}"] = faults
    assert found == {}
