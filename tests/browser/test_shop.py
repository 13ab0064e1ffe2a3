"""Somebody places orders and watches what becomes of them, without ever reloading."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.people import SignIn
from tests.site import Site

pytestmark = pytest.mark.browser


def story(page: Page, title: str) -> Locator:
    """Press a scenario; the row that is new because of it."""
    before = page.locator("#my-orders li[id^=order-]").evaluate_all("rows => rows.map(r => r.id)")
    page.get_by_role("button", name=title).click()
    found = page.wait_for_function(
        "known => [...document.querySelectorAll('#my-orders li[id^=order-]')]"
        ".map(row => row.id).find(id => !known.includes(id))",
        arg=before,
    )
    return page.locator(f"#{found.json_value()}")


def test_an_order_is_there_at_once_and_confirmed_without_a_reload(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    page.evaluate("window.neverReloaded = true")
    # The server is held up for a while, so that the claim can be looked at.
    page.route("**/shop/orders/", lambda route: held.append(route))
    held: list[Any] = []
    milliseconds = page.evaluate(
        """() => new Promise(resolve => {
          const orders = document.querySelector('#claims'), start = performance.now()
          new MutationObserver((_, watching) => {
            const row = orders.querySelector('li[data-group=ghost], li.ghost')
            if (row) { watching.disconnect(); resolve(performance.now() - start) }
          }).observe(orders, {childList: true, subtree: true})
          document.querySelector('#product-mug button.btn').click()
        })"""
    )
    assert milliseconds < 100
    row = page.locator("#my-orders li[id^=order-]").first
    row_id = row.get_attribute("id")
    expect(row).to_contain_text("not yet confirmed")
    page.wait_for_timeout(0)
    held[0].continue_()
    row = page.locator(f"#{row_id}")
    expect(row).to_contain_text("confirmed", timeout=10_000)
    expect(row).to_have_attribute("data-group", "confirmed", timeout=10_000)
    expect(row).to_contain_text("notified")
    assert page.evaluate("window.neverReloaded") is True


def cut_off(page: Page) -> None:
    """No order reaches the server from now on."""
    page.route("**/shop/orders/", lambda route: route.abort())


def unanswered(page: Page, sku: str) -> Locator:
    """Order something that the server does not answer for; its claim."""
    page.locator(f"#product-{sku} button.btn").click()
    claim = page.locator("#claims li").first
    expect(claim).to_contain_text("did not answer")
    return claim


def test_claims_survive_frames_and_are_sent_again_without_a_reload(
    sign_in: SignIn, site: Site
) -> None:
    page = sign_in("customer", "/shop/")
    page.evaluate("window.neverReloaded = true")
    cut_off(page)
    unanswered(page, "mug")
    claim = unanswered(page, "notebook")
    key = claim.get_attribute("id")
    # Another order comes from elsewhere, and with it the whole list.
    elsewhere = site.order()
    expect(page.locator("#orders")).to_contain_text(f"order-{elsewhere}")
    expect(page.locator("#claims li.ghost")).to_have_count(2)

    page.unroute("**/shop/orders/")
    page.locator(f"#{key}").get_by_role("button", name="Send again").click()
    expect(page.locator(f"#{key}")).to_have_attribute("data-group", "confirmed")
    expect(page.locator("#claims li.ghost")).to_have_count(1)
    page.locator("#claims li.ghost").get_by_role("button", name="Drop it").click()
    expect(page.locator("#claims li.ghost")).to_have_count(0)
    assert page.evaluate("window.neverReloaded") is True


def test_a_claim_survives_a_reload_and_counts_once(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    cut_off(page)
    key = unanswered(page, "mug").get_attribute("id")
    page.reload()
    claim = page.locator(f"#{key}")
    expect(claim).to_contain_text("did not answer")
    page.unroute("**/shop/orders/")
    claim.get_by_role("button", name="Send again").click()
    expect(claim).to_have_attribute("data-group", "confirmed")
    page.reload()
    expect(page.locator(f"#{key}")).to_have_count(1)
    expect(page.locator("#claims li")).to_have_count(0)
    assert page.evaluate("Object.keys(localStorage).filter(k => k.includes('claims'))") == []


def test_a_claim_is_seen_at_once_whole_and_as_high_as_what_replaces_it(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    page.locator("#order-counts [data-show=corrected]").click()
    page.route("**/shop/orders/", lambda route: held.append(route))
    held: list[Any] = []
    first = page.evaluate(
        """() => new Promise(resolve => {
          new MutationObserver((_, watching) => requestAnimationFrame(() => {
            watching.disconnect()
            const row = document.querySelector('#claims li'), style = getComputedStyle(row)
            resolve([style.opacity, style.animationName, row.getBoundingClientRect().height])
          })).observe(document.querySelector('#claims'), {childList: true})
          document.querySelector('#product-mug button.btn').click()
        })"""
    )
    assert first[:2] == ["1", "none"]
    claim = page.locator("#claims li").first
    expect(claim).to_be_visible()  # whatever the filter shows
    key = claim.get_attribute("id")
    heights = page.evaluate_handle(
        """id => { const seen = []; new MutationObserver(() => {
          const row = document.getElementById(id)
          if (row && row.dataset.group == 'open') seen.push(row.getBoundingClientRect().height)
        }).observe(document.querySelector('#my-orders'), {subtree: true, childList: true,
          attributes: true}); return seen }""",
        key,
    )
    page.locator("#order-counts [data-show=all]").click()
    held[0].continue_()
    expect(page.locator(f"#{key}")).to_have_attribute("data-group", "confirmed")
    assert set(heights.json_value()) == {first[2]}


def test_a_double_click_is_one_order(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    total = re.compile(r"\d+")
    before = int(total.findall(page.locator("#order-counts").inner_text())[0])
    page.locator("#product-notebook button.btn").dblclick()
    expect(page.locator("#order-counts")).to_contain_text(str(before + 1))
    page.reload()
    assert int(total.findall(page.locator("#order-counts").inner_text())[0]) == before + 1


def test_a_declined_card_corrects_the_order(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    row = story(page, "Card declined")
    expect(row).to_have_attribute("data-group", "corrected", timeout=15_000)
    expect(row).to_contain_text("declined")
    expect(row).to_contain_text("released")


def test_out_of_stock_is_refunded(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    row = story(page, "Out of stock")
    expect(row).to_have_attribute("data-group", "corrected", timeout=15_000)
    expect(row).to_contain_text("refunded")


def test_a_provider_that_is_down_is_retried_and_then_confirmed(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    row = story(page, "Provider down")
    expect(row).to_contain_text("retrying", timeout=10_000)
    expect(row).to_have_attribute("data-group", "confirmed", timeout=30_000)
    expect(row).to_contain_text("3 retries")


def test_a_poison_message_needs_a_person_and_holds_nobody_up(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    stuck = story(page, "Poison message")
    well = story(page, "All goes well")
    expect(well).to_have_attribute("data-group", "confirmed", timeout=15_000)
    expect(stuck).to_contain_text("needs a person", timeout=40_000)


def test_a_refused_order_gives_back_what_was_typed(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    quantity = page.locator("#product-mug input[name=quantity]")
    quantity.fill("0")
    page.locator("#product-mug button.btn").click()
    expect(page.locator("#product-mug")).to_contain_text("1 to 99")
    expect(page.locator("#product-mug input[name=quantity]")).to_have_value("0")
    expect(page.locator("#claims li")).to_have_count(0)


def test_it_works_without_javascript(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/", java_script_enabled=False)
    page.locator("#product-mug button.btn").click()
    expect(page.get_by_text(re.compile("order-[0-9]+ placed"))).to_be_visible()


def test_its_trace_shows_the_whole_story(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    row = story(page, "All goes well")
    expect(row).to_have_attribute("data-group", "confirmed", timeout=15_000)
    row.get_by_role("link").first.click()
    page.wait_for_url("**/traces/**")
    for name in (
        "OrderCreated",
        "PaymentProcessed",
        "InventoryReserved",
        "OrderConfirmed",
        "NotificationSent",
    ):
        expect(page.get_by_text(name).first).to_be_visible()


@pytest.mark.parametrize("path", ["/events/", "/processors/", "/traces/"])
def test_a_customer_is_told_why_a_page_is_not_theirs(sign_in: SignIn, path: str) -> None:
    page = sign_in("customer", "/shop/")
    answer = page.goto(page.url.replace("/shop/", path))
    assert answer is not None
    assert answer.status == 403
    expect(page.locator("body")).to_contain_text("role")


def test_open_orders_are_counted_in_the_navigation_of_every_page(
    sign_in: SignIn, site: Site
) -> None:
    page = sign_in("teacher", "/shop/outbox/")  # who has no other orders
    count = page.locator("#count-shop-shop")
    expect(count).to_have_text("")
    mug = {"items": [{"sku": "mug", "quantity": 1}], "scenario": "provider_down"}
    site.api("/orders", mug, user="teacher")
    expect(count).to_have_text("1 open")
    expect(count).to_have_text("", timeout=60_000)
