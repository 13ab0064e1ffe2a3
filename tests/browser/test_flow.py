"""Somebody watches the flow map, and looks for things by the search."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.people import SignIn
from tests.polling import eventually
from tests.site import Site

pytestmark = pytest.mark.browser


def per_minute(page: Page) -> float:
    """The rate of OrderCreated to payment that the table under the map says."""
    row = page.locator("#flow-connections tr", has_text="OrderCreated").filter(has_text="payment")
    text = row.first.locator(".num").inner_text()
    number = float(re.sub(r"[^0-9.]", "", text) or 0)
    return number * 60 if "/s" in text else number


def test_an_order_shows_on_the_open_map(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/flow/")
    expect(page.locator(".conn")).to_contain_text("Live")
    before = per_minute(page)
    for _ in range(12):
        site.order()
    line = page.locator(".fe[data-from='type:OrderCreated'][data-to='processor:payment']")
    expect(line.locator("circle").first).to_be_attached(timeout=10_000)
    expect(line.locator("text")).not_to_be_empty()
    eventually(lambda: per_minute(page) != before)


def test_a_click_on_a_node_opens_its_panel_and_escape_closes_it(
    sign_in: SignIn, site: Site
) -> None:
    page = sign_in("operator", "/flow/")
    page.locator(".fn[data-node='processor:payment']").click()
    panel = page.locator("#flow-panel")
    expect(panel.get_by_role("heading", name="payment")).to_be_visible()
    expect(panel).to_contain_text("Comes from")
    assert "node=processor" in page.url
    panel.get_by_role("link", name="OrderCreated").click()
    expect(panel.get_by_role("heading", name="OrderCreated")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_empty()
    expect(page).not_to_have_url(re.compile("node="))


def test_the_map_by_keyboard_alone(sign_in: SignIn, site: Site) -> None:
    site.order()
    page = sign_in("operator", "/flow/?focus=type:OrderCreated")
    page.locator(".fn[data-node='type:OrderCreated']").focus()
    page.keyboard.press("ArrowRight")
    focused = page.evaluate("document.activeElement.dataset.node")
    assert focused.startswith("processor:")
    page.keyboard.press("Enter")
    expect(page.locator("#flow-panel h2")).to_have_text(focused.removeprefix("processor:"))
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.node") == focused


def test_dots_respect_reduced_motion(sign_in: SignIn, site: Site) -> None:
    site.order()
    page = sign_in("operator", "/flow/", reduced_motion="reduce")
    dots = page.locator(".mv").first
    expect(dots).to_be_attached(timeout=10_000)
    expect(dots).to_be_hidden()


def test_an_order_number_leads_to_the_order(sign_in: SignIn, site: Site) -> None:
    order = site.order()
    page = sign_in("operator", "/flow/")
    page.keyboard.press("/")
    page.keyboard.type(f"order {order}")
    hit = page.locator("#found .hit")
    expect(hit.first).to_contain_text(f"Order {order}")
    page.keyboard.press("ArrowDown")
    expect(hit.first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/traces/**")
    expect(page.locator("main")).to_contain_text("OrderCreated")


def test_a_pasted_id_goes_straight_to_its_trace(sign_in: SignIn, site: Site) -> None:
    placed = site.api("/orders", {"items": [{"sku": "mug", "quantity": 1}]})
    trace = placed["correlation_id"]
    page = sign_in("operator", "/processors/")
    page.keyboard.press("/")
    page.locator("#q").fill(trace)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/traces/{trace}/")


def test_on_a_phone_the_map_pans_and_the_page_does_not(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/flow/")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wrap = page.locator("#flow-drawing")
    assert wrap.evaluate("it => it.scrollWidth > it.clientWidth")
    page.get_by_role("button", name="Search").first.click()
    page.keyboard.type("OrderConf")
    expect(page.locator("#found .hit").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_window_and_the_topology_of_the_map_are_links(sign_in: SignIn, site: Site) -> None:
    site.order()
    page = sign_in("operator", "/flow/")
    page.get_by_role("link", name="Mediator", exact=True).click()
    expect(page.locator(".fn[data-node='type:PaymentRequested']")).to_be_visible()
    expect(page.locator(".fn[data-node='processor:confirmation']")).to_have_count(0)
    page.get_by_role("link", name="10 s").click()
    page.wait_for_url("**topology=mediator&window=10")
    page.locator(".fn[data-node='processor:payment']").click()
    expect(page.locator("#flow-panel")).to_contain_text("Retry policy")
    row = page.locator("#flow-processors tr", has=page.locator("[data-node='processor:payment']"))
    expect(row).to_have_attribute("aria-selected", "true")
    page.locator(".fn[data-node='dead:letters']").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/dead-letters/")


def test_typing_narrows_the_catalog(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/catalog/")
    page.get_by_role("searchbox", name="Filter event types").fill("payment refund")
    expect(page.get_by_role("link", name="PaymentRefunded")).to_be_visible()
    expect(page.get_by_role("link", name="InventoryReserved")).to_be_hidden()
    page.wait_for_url("**?q=payment+refund")
    page.get_by_role("link", name="PaymentRefunded").click()
    page.wait_for_url("**/catalog/PaymentRefunded/?q=payment+refund")
    expect(page.locator("#types").get_by_role("link", name="InventoryReserved")).to_be_hidden()
    page.get_by_role("searchbox", name="Filter event types").fill("")
    expect(page.locator("#types").get_by_role("link", name="InventoryReserved")).to_be_visible()
    page.get_by_role("searchbox", name="Filter event types").fill("nonsense")
    expect(page.locator("[data-narrowed-none]")).to_be_visible()
    expect(page.locator(".conn")).to_be_visible()
