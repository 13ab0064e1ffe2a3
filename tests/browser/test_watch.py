"""Somebody watches what the shop sets off: timeline, log, traces, processors, catalog."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.people import SignIn
from tests.site import Site

pytestmark = pytest.mark.browser

PAGES = [
    "/timeline/", "/timeline/?window=3600", "/events/", "/traces/", "/processors/", "/catalog/",
    "/catalog/OrderCreated/", "/flow/", "/flow/?node=processor:payment", "/search/?q=order",
    "/account/", "/shop/", "/shop/outbox/",
]  # fmt: skip


def newest(page: Page) -> int:
    """Position of the newest row of the log on the page."""
    row = page.locator("#log-rows > [id^=event-]").first
    return int((row.get_attribute("id") or "event-0").removeprefix("event-"))


def test_an_order_shows_on_an_open_timeline(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/timeline/")
    before = newest(page)
    site.order()
    row = page.locator("#log-rows > [id^=event-]", has_text="OrderConfirmed").first
    expect(row).to_be_visible(timeout=10_000)
    page.wait_for_function(
        "before => document.querySelector(`.ev[data-position='${before + 1}']`)", arg=before
    )
    assert newest(page) > before


def test_while_paused_nothing_moves_and_what_is_new_is_counted(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/timeline/")
    page.get_by_role("button", name="Pause").click()
    before = newest(page)
    site.order()
    pill = page.locator("#log-new")
    expect(pill).to_be_visible(timeout=10_000)
    assert newest(page) == before
    pill.click()
    page.wait_for_function(
        "before => Number(document.querySelector('#log-rows > [id^=event-]').id.slice(6)) > before",
        arg=before,
    )


def test_choosing_a_mark_shows_its_causes_effects_and_data(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/timeline/")
    order = site.order()
    mark = page.locator(f".ev[aria-label^='PaymentProcessed order-{order}#']")
    expect(mark).to_be_attached(timeout=10_000)
    page.get_by_role("button", name="Pause").click()
    mark.dispatch_event("click")
    drawer = page.locator("#drawer")
    expect(drawer).to_contain_text("Causes and effects")
    expect(drawer).to_contain_text("OrderCreated")
    expect(page.locator(".lanesvg.picked .arc").first).to_be_attached()
    assert "selected=" in page.url
    page.keyboard.press("Escape")
    expect(page.locator(".lanesvg.picked")).to_have_count(0)


def test_an_order_is_followed_through_its_trace(sign_in: SignIn, site: Site) -> None:
    site.order()
    page = sign_in("operator", "/events/")
    page.locator("#log-rows > [id^=event-]", has_text="OrderConfirmed").first.click()
    page.get_by_role("link", name="Open trace").click()
    expect(page.locator("main")).to_contain_text("NotificationSent", timeout=10_000)
    expect(page.locator("main")).to_contain_text(re.compile("payment|PaymentProcessed"))


def test_a_paused_processor_lets_its_work_wait(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/processors/?pause=notification")
    page.get_by_label("Why?").fill("the mail service is being moved")
    page.get_by_role("button", name="Pause notification").click()
    row = page.locator("tr", has_text="notification").first
    expect(row).to_contain_text("paused")
    order = site.order()
    expect(row).to_contain_text("1", timeout=10_000)
    page.goto(page.url.split("?")[0] + "?resume=notification")
    page.get_by_role("button", name="Resume notification").click()
    expect(page.locator("tr", has_text="notification").first).not_to_contain_text("paused")
    assert order


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(sign_in: SignIn, site: Site, theme: str) -> None:
    site.order()
    page = sign_in("operator", "/timeline/", color_scheme=theme)
    found = {}
    for path in PAGES:
        page.goto(site.url + path)
        page.wait_for_load_state("networkidle")
        report = Axe().run(page)
        if report.violations_count:
            found[path] = [
                (v["id"], [n["target"] for n in v["nodes"]][:3])
                for v in report.response["violations"]
            ]
    assert found == {}


def test_a_phone_needs_no_sideways_scrolling(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/timeline/")
    page.set_viewport_size({"width": 390, "height": 844})
    widths = {}
    for path in PAGES:
        page.goto(site.url + path)
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
    assert {path: width for path, width in widths.items() if width > 390} == {}
