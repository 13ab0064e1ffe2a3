"""Somebody travels in time: through an order's life, and through a past minute of the shop."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.people import SignIn
from tests.polling import eventually
from tests.site import Site

pytestmark = pytest.mark.browser


def test_an_order_is_scrubbed_through_its_life_and_two_moments_are_compared(
    sign_in: SignIn, site: Site
) -> None:
    order = site.order()
    eventually(lambda: site.status(order) == "confirmed")
    page = sign_in("operator", f"/streams/order-{order}/?at=1")
    state = page.locator(".snap:visible")
    expect(state).to_contain_text("open")
    page.locator("body").press("]")
    page.locator("body").press("ArrowRight")
    expect(page.locator("[data-at]")).to_have_text("3")
    page.locator("input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    expect(state).to_contain_text("confirmed")
    assert "at=4" in page.url
    page.select_option("[data-with]", "1")
    compared = page.locator("#compare tbody")
    expect(compared).to_contain_text("status")
    page.locator("body").press("[")
    expect(page.locator("#compare thead")).to_contain_text("At event 3")
    expect(compared).not_to_contain_text("status")


def test_a_verification_is_watched_until_its_verdict(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/replay/?verify=orders")
    page.get_by_label("Why?").fill("a look")
    page.get_by_role("button", name="Verify 1 projection").click()
    run = page.locator("#replay-run")
    expect(run).to_contain_text("a look")
    expect(run).to_contain_text("identical", timeout=20_000)
    expect(run.locator("progress")).to_be_visible()


def test_a_rebuild_is_watched_until_it_is_done_and_readers_go_on(
    sign_in: SignIn, site: Site
) -> None:
    order = site.order()
    eventually(lambda: site.status(order) == "confirmed")
    page = sign_in("operator", "/replay/?rebuild=orders")
    page.get_by_label("Why?").fill("to be sure")
    page.get_by_role("button", name="Rebuild 1 projection").click()
    run = page.locator("#replay-run")
    expect(run).to_contain_text("to be sure")
    page.evaluate("window.neverReloaded = true")
    done = run.locator(".state.done")
    read = []
    eventually(lambda: read.append(site.status(order)) or done.count())
    assert set(read) == {"confirmed"}
    expect(run).to_contain_text("identical")
    progress = run.locator("progress")
    assert progress.get_attribute("value") == progress.get_attribute("max") != "0"
    assert page.evaluate("window.neverReloaded") is True
    expect(page.locator("#replay-runs")).to_contain_text("rebuild")


def test_a_past_minute_is_played(sign_in: SignIn, site: Site) -> None:
    site.order()
    page = sign_in("operator", "/flow/past/")
    expect(page.locator("[data-said]")).to_contain_text("Loaded: play it")
    page.select_option("[data-speed]", "20")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("[data-events]")).not_to_have_text("0", timeout=15_000)
    line = page.locator(".fe[data-to='type:OrderCreated'] text")
    expect(line).not_to_be_empty()
    page.locator("[data-moment]").focus()
    page.keyboard.press("Home")
    # A longer reach is shown step by step; the newest step is at the end.
    page.get_by_role("link", name="1 h", exact=True).click()
    expect(page.locator("[data-said]")).to_contain_text("Loaded: play it")
    expect(page.locator("[data-pulse] rect").first).to_be_attached()
    slider = page.locator("[data-moment]")
    slider.focus()
    page.keyboard.press("End")
    for _ in range(6):  # the figures of an order are of the step in which it was placed
        if line.first.text_content():
            break
        page.keyboard.press("ArrowLeft")
    expect(line).to_contain_text("/")
