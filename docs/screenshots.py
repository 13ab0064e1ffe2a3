"""``make screenshots``: takes the pictures of the docs anew, from a site with traffic."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.site import Site
from tests.stage import a_stage

FOLDER = Path(__file__).parent / "screenshots"
STORIES = ("Poison message", "Provider down", "Out of stock", "Card declined", "All goes well")
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
NARROW_TOO = ("overview", "shop", "timeline", "trace", "flow", "dead-letters", "catalog")
SETTLES = 2_200  # ms until the first frames and figures are there
_FIND = """
from flowdeck.models import Delivery, Event
tried = Delivery.objects.select_related("event").filter(attempts__gt=2, state="done")
paid = tried.latest("event_id")
good = Event.objects.filter(type="OrderConfirmed").exclude(
    correlation_id=paid.event.correlation_id).latest("position")
reached = Event.objects.get(type="PaymentProcessed", causation_id=paid.event.id)
print(paid.event.correlation_id, paid.name, good.correlation_id, reached.position)
"""


def main() -> int:
    """Start a site, let people order, and look at each page in both themes."""
    FOLDER.mkdir(exist_ok=True)
    os.environ.setdefault("DATABASE_URL", "")
    with a_stage() as (browser, site), _traffic(site):
        _order(browser, site)
        for theme in ("light", "dark"):
            _look(browser, site, theme)
    return 0


@contextmanager
def _traffic(site: Site) -> Iterator[None]:
    """Two orders a second, with what goes wrong now and then; not the customer's own."""
    process = subprocess.Popen(
        [
            sys.executable,
            "manage.py",
            "traffic",
            "--rate",
            "2",
            "--seconds",
            "600",
            "--user",
            "operator",
        ],
        cwd=Path(__file__).parent.parent,
        env=site.environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _order(browser: Browser, site: Site) -> None:
    """Live through all stories in the shop, until the retried one is confirmed."""
    page = _signed_in(browser, site, "customer", "/shop/", "light")
    for story in STORIES:
        page.get_by_role("button", name=story).click()
        page.wait_for_timeout(300)  # so that they do not all stand at one moment of the timeline
    expect(page.locator("#orders > li", has_text="3 retries")).to_have_count(1, timeout=180_000)
    expect(page.get_by_text("needs a person")).to_be_visible(timeout=180_000)
    page.context.close()


def _look(browser: Browser, site: Site, theme: str) -> None:
    """Take every page in one theme, the most watched ones on a phone too."""
    guest = browser.new_page(viewport=WIDE, color_scheme=theme)  # type: ignore[arg-type]
    guest.goto(f"{site.url}/accounts/login/")
    _take(guest, "login", theme)
    guest.context.close()
    page = _signed_in(browser, site, "customer", "/shop/", theme)
    _take(page, "shop", theme)
    page.goto(f"{site.url}/lab/")
    _take(page, "lab", theme)
    page.context.close()
    page = _signed_in(browser, site, "operator", "/timeline/", theme)
    trace, delivery, other, position = site.manage("shell", "-v0", "-c", _FIND).split()
    for name, path in {
        "timeline": f"/timeline/?selected={position}",
        "timeline-live": "/timeline/",
        "overview": "/",
        "processor": "/processors/payment/",
        "log": "/events/",
        "traces": "/traces/",
        "trace": f"/traces/{trace}/?delivery={delivery}&attempt=3",
        "trace-graph": f"/traces/{trace}/?view=graph",
        "trace-sequence": f"/traces/{trace}/?view=sequence",
        "compare": f"/traces/compare/?a={other}&b={trace}",
        "flow": "/flow/?node=processor:payment",
        "processors": "/processors/",
        "dead-letters": "/dead-letters/",
        "replay": "/replay/",
        "catalog": "/catalog/OrderCreated/",
    }.items():
        page.goto(site.url + path)
        _take(page, name, theme)
    page.context.close()


def _signed_in(browser: Browser, site: Site, user: str, path: str, theme: str) -> Page:
    page = browser.new_page(viewport=WIDE, color_scheme=theme)  # type: ignore[arg-type]
    page.goto(f"{site.url}/accounts/login/?next={path}")
    page.get_by_role("button", name=user).click()
    page.wait_for_url(f"{site.url}{path}**")
    return page


def _take(page: Page, name: str, theme: str) -> None:
    shade = "" if theme == "light" else "-dark"
    page.wait_for_timeout(SETTLES)
    _shoot(page, f"{name}{shade}")
    if name in NARROW_TOO:
        page.set_viewport_size(NARROW)
        page.wait_for_timeout(500)
        _shoot(page, f"{name}-390{shade}")
        page.set_viewport_size(WIDE)


def _shoot(page: Page, name: str) -> None:
    page.screenshot(path=FOLDER / f"{name}.png")
    print(f"docs/screenshots/{name}.png", flush=True)


if __name__ == "__main__":
    sys.exit(main())
