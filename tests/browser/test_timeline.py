"""Somebody looks for something: in the timeline's past, in the log, in a view they kept."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.people import SignIn
from tests.site import Site

pytestmark = pytest.mark.browser


def middle(page: Page, mark: str) -> tuple[float, float]:
    """Where to point to."""
    box = page.locator(mark).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def settled(page: Page, site: Site) -> int:
    """Place an order and wait until the open page shows its last event; the order's id."""
    order = site.order()
    row = page.locator("#log-rows > tr", has_text=f"order-{order}#5")
    expect(row).to_be_visible(timeout=20_000)
    return order


def test_pointing_at_an_event_shows_what_belongs_to_it(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/timeline/")
    order = settled(page, site)
    expect(page.locator(f'.ev[aria-label="NotificationSent order-{order}#5"]')).to_be_attached()
    page.get_by_role("button", name="Pause").click()
    mark = f'.ev[aria-label="OrderConfirmed order-{order}#4"]'
    page.mouse.move(*middle(page, f"{mark} use"))
    expect(page.locator(".lanesvg.pointing .pointed path").first).to_be_attached()
    assert page.locator(".ev.kin").count() >= 5
    page.mouse.move(700, 10)
    expect(page.locator(".lanesvg.pointing")).to_have_count(0)


def test_the_brush_travels_and_follow_comes_back(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/timeline/")
    page.locator(".histo").click(position={"x": 40, "y": 10})
    page.wait_for_url("**until=**")
    expect(page.locator(".now")).to_have_count(0)
    page.get_by_role("link", name="Follow").click()
    page.wait_for_url(re.compile(r"/timeline/(?!.*until)"))
    expect(page.locator(".now")).to_have_count(1)


def test_a_deep_link_filters_by_payload_and_leaves_out(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/timeline/")
    order = settled(page, site)
    page.goto(f"{site.url}/timeline/?data.order_id={order}&not.type=OrderConfirmed")
    rows = page.locator("#log-rows > tr")
    expect(rows.first).to_be_visible()
    expect(page.locator("#log-rows")).not_to_contain_text("OrderConfirmed")
    assert rows.count() == page.locator("#log-rows > tr", has_text=f"order-{order}#").count()
    page.get_by_role("link", name="Remove filter not type").click()
    expect(page.locator("#log-rows")).to_contain_text("OrderConfirmed")


def test_a_filter_is_made_by_keyboard_and_kept_as_a_view(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/events/")
    page.keyboard.press("f")
    page.get_by_label("Type", exact=True).fill("OrderCreated")
    page.keyboard.press("Enter")
    page.wait_for_url("**/events/?type=OrderCreated")
    page.locator("summary", has_text="Views").click()
    page.get_by_label("Save this filter as").fill("New orders")
    page.get_by_role("button", name="Save view").click()
    expect(page.locator("summary", has_text="New orders")).to_be_visible()
    page.goto(f"{site.url}/timeline/")
    page.locator("summary", has_text="Views").click()
    page.get_by_role("link", name="New orders").click()
    page.wait_for_url("**/timeline/?window=15&type=OrderCreated")
    page.locator("summary", has_text="Columns").click()
    page.get_by_role("checkbox", name="Producer").uncheck()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("columnheader", name="Producer")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/timeline/\?window=15&type=OrderCreated$"))
    row = page.locator("#log-rows > tr", has_text=f"order-{site.order()}#1")
    expect(row.get_by_role("cell")).to_have_count(6)


def test_the_drawer_walks_the_rows_shown_by_its_buttons_and_by_keys(
    sign_in: SignIn, site: Site
) -> None:
    page = sign_in("operator", "/events/")
    order = settled(page, site)
    page.goto(f"{site.url}/events/?stream=order-{order}")
    rows = page.locator("#log-rows > tr")
    expect(rows).to_have_count(5)
    rows.first.click()
    drawer, older = page.locator("#drawer"), page.get_by_label("Older event (j)")
    expect(page.get_by_label("Newer event (k)")).to_have_attribute("aria-disabled", "true")
    for number in (4, 3):
        older.focus()
        page.keyboard.press("Enter")
        expect(drawer).to_contain_text(f"order-{order}#{number}")
        expect(older).to_be_focused()
    page.keyboard.press("k")
    expect(drawer).to_contain_text(f"order-{order}#4")
    page.keyboard.press("Escape")
    expect(rows.nth(1).locator("a").first).to_be_focused()


def test_on_a_phone_the_drawer_peeks_and_a_tap_on_its_head_opens_it(
    sign_in: SignIn, site: Site
) -> None:
    page = sign_in("operator", "/events/")
    settled(page, site)
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#log-rows > tr").first.click()
    data, head = page.locator("#drawer .json"), page.locator("#drawer h2")
    expect(head).to_be_in_viewport()
    expect(data).not_to_be_in_viewport()
    head.click()
    expect(page.locator("#drawer")).to_have_css("height", "640px")
    head.click()
    expect(page.locator("#drawer")).to_have_css("height", "148px")
