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
    text = row.first.locator(".num").text_content() or ""
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
    said = page.locator(".fe[data-to='type:OrderCreated'] text")
    expect(said).not_to_be_empty()
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


def test_on_a_phone_the_map_is_a_list_in_its_order(sign_in: SignIn, site: Site) -> None:
    site.order()
    page = sign_in("operator", "/flow/")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("#flow-drawing")).to_be_hidden()
    steps = page.locator("#flow-steps > li")
    expect(steps.filter(has_text="confirmation")).to_contain_text("OrderConfirmed")
    names = [name.strip() for name in steps.locator("a").all_inner_texts()]
    assert names.index("payment") < names.index("confirmation") < names.index("notification")
    page.get_by_role("button", name="Search").first.click()
    page.keyboard.type("OrderConf")
    expect(page.locator("#found .hit").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


MEASURED = """() => {
  const map = document.querySelector('.fmap'), pane = document.querySelector('.fmapwrap')
  const texts = [...map.querySelectorAll('text')].filter(one => one.textContent.trim())
  const boxes = texts.map(one => ({said: one.textContent, box: one.getBoundingClientRect(),
    size: parseFloat(getComputedStyle(one).fontSize) * map.getBoundingClientRect().width
      / map.viewBox.baseVal.width}))
  const meet = ({box: a}, {box: b}) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2
  return {
    smallest: Math.min(...boxes.map(one => one.size)),
    fits: pane.scrollWidth <= pane.clientWidth,
    share: pane.getBoundingClientRect().height / innerHeight,
    meeting: boxes.flatMap((one, place) => boxes.slice(place + 1)
      .filter(other => meet(one, other)).map(other => `${one.said} / ${other.said}`)),
  }
}"""


def test_words_of_the_map_can_be_read_and_none_lies_on_another(sign_in: SignIn, site: Site) -> None:
    for scenario in ("all_well", "card_declined", "out_of_stock", "provider_down"):
        site.order(scenario=scenario)
    page = sign_in("operator", "/flow/?models=1")
    expect(page.locator(".fmap .fr").first).to_be_attached()
    for path, width in (("/flow/", 1440), ("/flow/?topology=mediator", 1440), ("/flow/", 1024)):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{site.url}{path}")
        seen = page.evaluate(MEASURED)
        assert seen["meeting"] == [], path
        assert seen["smallest"] >= 11, path
        assert seen["fits"] or width < 1440, path
        assert seen["share"] == pytest.approx(0.6, abs=0.01)
    page.goto(f"{site.url}/flow/?topology=all&unused=1&models=1&window=3600")
    seen = page.evaluate(MEASURED)
    assert seen["meeting"] == []
    assert seen["smallest"] >= 11


def test_a_name_leads_to_its_neighbourhood(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/flow/")
    page.get_by_label("Show the neighbourhood of").fill("FraudSuspected")
    page.keyboard.press("Enter")
    page.wait_for_url("**focus=FraudSuspected**")
    expect(page.locator(".fn[data-node='processor:fraud']")).to_be_visible()
    expect(page.locator(".fn[data-node='processor:inventory']")).to_have_count(0)


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
