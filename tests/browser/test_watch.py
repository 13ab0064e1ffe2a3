"""Somebody watches what the shop sets off: timeline, log, traces, processors, catalog."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.people import SignIn
from tests.site import Site

pytestmark = pytest.mark.browser


def newest(page: Page) -> int:
    """Position of the newest row of the log on the page."""
    row = page.locator("#log-rows > [id^=event-]").first
    return int((row.get_attribute("id") or "event-0").removeprefix("event-"))


def _wait_for_rows_after(page: Page, position: int) -> None:
    page.wait_for_function(
        "after => Number(document.querySelector('#log-rows > [id^=event-]').id.slice(6)) > after",
        arg=position,
    )


def test_an_order_shows_on_an_open_timeline(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/timeline/")
    before = newest(page)
    site.order()
    page.wait_for_function(
        "before => document.querySelector(`.ev[data-position='${before + 1}']`)", arg=before
    )
    _wait_for_rows_after(page, before)
    row = page.locator("#log-rows > [id^=event-]", has_text="OrderConfirmed").first
    expect(row).to_be_visible(timeout=10_000)


def test_while_paused_nothing_moves_and_what_is_new_is_counted(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/timeline/")
    page.get_by_role("button", name="Pause").click()
    before = newest(page)
    site.order()
    pill = page.locator("#log-new")
    expect(pill).to_be_visible(timeout=10_000)
    assert newest(page) == before
    pill.click()
    _wait_for_rows_after(page, before)


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
