"""Somebody places orders and watches what becomes of them, without ever reloading."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.claim_frames import record, seen
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


@pytest.fixture
def sign_in(sign_in: SignIn) -> SignIn:
    """Claims turn into facts before the eyes of somebody who likes motion."""
    return partial(sign_in, reduced_motion="no-preference")


def put(page: Page, sku: str, quantity: int = 1) -> None:
    """Put a product into the cart."""
    page.locator(f"#product-{sku} [data-add]").click()
    for _ in range(quantity - 1):
        page.locator(f"#product-{sku} [data-step='1']").click()


def order(page: Page, sku: str = "mug") -> Locator:
    """Order one of a product; its row."""
    put(page, sku)
    page.locator("#place-order").click()
    key = page.locator("#claims li").first.get_attribute("id")
    return page.locator(f"#{key}")


def test_an_order_is_there_at_once_and_confirmed_without_a_reload(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    page.evaluate("window.neverReloaded = true")
    # The server is held up for a while, so that the claim can be looked at.
    page.route("**/shop/orders/", lambda route: held.append(route))
    held: list[Any] = []
    put(page, "mug")
    milliseconds = page.evaluate(
        """() => new Promise(resolve => {
          const orders = document.querySelector('#claims'), start = performance.now()
          new MutationObserver((_, watching) => {
            const row = orders.querySelector('li[data-group=ghost], li.ghost')
            if (row) { watching.disconnect(); resolve(performance.now() - start) }
          }).observe(orders, {childList: true, subtree: true})
          document.querySelector('#place-order').click()
        })"""
    )
    assert milliseconds < 100
    row_id = page.locator("#claims li").first.get_attribute("id")
    expect(page.locator("#claims li .words").first).to_have_text("not yet confirmed")
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
    claim = order(page, sku)
    expect(claim).to_have_attribute("data-said", "unreachable")
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
    expect(page.locator(f"#{key}")).to_contain_text("The server did not answer.")

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
    expect(claim).to_have_attribute("data-said", "unreachable")
    page.unroute("**/shop/orders/")
    claim.get_by_role("button", name="Send again").click()
    expect(claim).to_have_attribute("data-group", "confirmed")
    page.reload()
    expect(page.locator(f"#{key}")).to_have_count(1)
    expect(page.locator("#claims li")).to_have_count(0)
    assert page.evaluate("Object.keys(localStorage).filter(k => k.includes('claim'))") == []


@pytest.mark.parametrize("title", ["All goes well", "Card declined"])
def test_a_claim_turns_into_what_is_true_and_nothing_moves(sign_in: SignIn, title: str) -> None:
    page = sign_in("customer", "/shop/")
    page.locator("#order-counts [data-show=confirmed]").click()
    count = page.locator("#order-counts [data-show=all] .dim")
    before = int(count.inner_text())
    record(page)
    page.get_by_role("button", name=title).click()
    assert int(count.inner_text()) == before + 1
    settled = "confirmed" if title == "All goes well" else "corrected"
    claim = seen(page, settled)
    assert (claim.claim_opacity_first_frame, claim.animation) == (1, "none")
    assert claim.claim_dashed_ms >= 250, "as sampled; it is held for 300"
    assert [step for step in claim.steps if step not in ("ghost", "0")] == ["1", "2", "fact"]
    assert claim.layout_shift_px == 0
    row = page.locator(f"#{claim.row}")
    expect(row).to_be_visible()  # whatever the filter shows
    assert int(count.inner_text()) == before + 1
    page.locator("#order-counts [data-show=open]").click()
    expect(row).to_be_hidden()


def test_offline_an_order_waits_and_is_sent_once_by_itself(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    page.context.set_offline(True)
    claims = [order(page, sku) for sku in ("mug", "notebook")]
    for claim in claims:
        expect(claim).to_contain_text("sent by itself")
        expect(claim.get_by_role("button", name="Drop it")).to_be_visible()
    page.context.set_offline(False)
    for claim in claims:
        expect(claim).to_have_attribute("data-group", "confirmed")
        expect(claim).to_have_count(1)
    expect(page.locator("#claims .ghost")).to_have_count(0)


def test_who_was_signed_out_is_asked_again_and_nobody_else_is(sign_in: SignIn, site: Site) -> None:
    page = sign_in("customer", "/shop/")
    cookies = page.context.cookies()
    put(page, "mug")
    page.context.clear_cookies(name="sessionid")
    page.locator("#place-order").click()
    claim = page.locator("#claims li")
    expect(claim).to_contain_text("You are signed out, nothing was ordered.")
    expect(claim.get_by_role("button", name="Drop it")).to_be_visible()
    key = claim.get_attribute("id")
    claim.get_by_role("link", name="sign in again").click()
    page.get_by_role("button", name="teacher").click()
    page.wait_for_url("**/shop/")
    expect(page.locator("#claims li")).to_have_count(0)
    page.context.clear_cookies()
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.goto(f"{site.url}/shop/")
    claim = page.locator(f"#{key}")
    expect(claim).to_contain_text("Do you want to place it now?")
    claim.get_by_role("button", name="Place it now").click()
    expect(claim).to_have_attribute("data-group", "confirmed")


@pytest.mark.long
def test_twenty_orders_in_five_seconds_are_each_placed_once_whatever_comes_between(
    sign_in: SignIn, site: Site
) -> None:
    tabs = [sign_in("customer", "/shop/")]
    context = tabs[0].context
    tabs.append(context.new_page())
    tabs[1].goto(f"{site.url}/shop/")
    count = tabs[0].locator("#order-counts [data-show=all]")
    before = int(count.get_attribute("data-count") or 0)
    happens: dict[int, Callable[[], object]] = {
        5: lambda: context.set_offline(True),
        10: lambda: context.set_offline(False),
        11: lambda: site.order(),  # from elsewhere: a frame with the whole list
        13: lambda: context.clear_cookies(name="sessionid"),
        17: lambda: context.add_cookies(cookies),
    }
    cookies: Any = context.cookies()
    for number in range(20):
        happens.get(number, lambda: None)()
        tabs[number % 2].evaluate(
            "document.querySelector('#product-mug [data-add]').click();"
            "document.querySelector('#cart').requestSubmit()"
        )
        tabs[0].wait_for_timeout(250)
    # What came while nobody was signed in is kept, and asked about.
    for tab in tabs:
        expect(tab.locator("#claims :is([data-said=sent], [data-said=offline])")).to_have_count(0)
        tab.goto(f"{site.url}/shop/")
        again = tab.locator("#claims [data-again]:visible")
        while again.count():
            again.first.click()
        expect(tab.locator("#claims .ghost")).to_have_count(0)
    tabs[0].reload()
    expect(count).to_have_attribute("data-count", str(before + 21))


def test_a_cart_of_several_products_is_one_order(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    put(page, "desk-lamp")
    put(page, "notebook", 2)
    page.reload()
    expect(page.locator("#cart")).to_contain_text("3 things")
    expect(page.locator("#cart [data-sum]")).to_have_text("€78.00")
    page.get_by_role("button", name="Place order, €78.00").click()
    row = page.locator("#claims li").first
    key = row.get_attribute("id")
    expect(row).to_contain_text("1 × Desk lamp, 2 × Notebook")
    expect(row).to_contain_text("€78.00")
    expect(page.locator("#cart [data-line]")).to_have_count(0)
    expect(page.locator(f"#{key}")).to_have_attribute("data-group", "confirmed")
    expect(page.locator(f"#{key}")).to_contain_text("1 × Desk lamp, 2 × Notebook")


def test_what_was_corrected_is_ordered_again_from_the_cart(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    row = story(page, "Card declined")
    row.get_by_role("link", name="Order again").click()
    expect(page.locator("#cart [data-line]")).to_have_count(1)
    expect(page.locator("#place-order")).to_be_focused()
    page.keyboard.press("Enter")
    again = page.locator("#my-orders li[data-stays]").first
    expect(again).to_have_attribute("data-group", "confirmed")


def test_a_double_click_is_one_order(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    count = page.locator("#order-counts [data-show=all] .dim")
    before = int(count.inner_text())
    page.get_by_role("button", name="All goes well").dblclick()
    put(page, "notebook")
    page.locator("#place-order").dblclick()
    expect(count).to_have_text(str(before + 2))
    expect(page.locator("#claims li.ghost")).to_have_count(0)
    page.reload()
    assert int(count.inner_text()) == before + 2


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


def test_a_refused_order_says_why_and_gives_back_what_was_typed(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    put(page, "mug")
    page.locator("#product-mug input[name=quantity]").fill("100")
    page.locator("#place-order").click()
    claim = page.locator("#claims li")
    expect(claim).to_contain_text("1 to 99")
    expect(claim).to_contain_text("Nothing was ordered.")
    expect(page.locator("#product-mug input[name=quantity]")).to_have_value("100")
    claim.get_by_role("button", name="Drop it").click()
    expect(page.locator("#claims li")).to_have_count(0)
    page.get_by_role("button", name="Empty").click()
    assert page.evaluate("Object.keys(localStorage).filter(k => /cart|claim/.test(k))") == []


def test_it_works_without_javascript(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/", java_script_enabled=False)
    page.locator("#product-mug input[name=quantity]").fill("1")
    page.locator("#place-order").click()
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
    expect(page.locator("body")).to_contain_text("you need the permission")


@pytest.mark.long
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
