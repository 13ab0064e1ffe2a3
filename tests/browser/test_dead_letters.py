"""An operator finds what died, understands it, and decides."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.people import SignIn
from tests.polling import eventually
from tests.site import Site

pytestmark = pytest.mark.browser


def poisoned(site: Site) -> int:
    """An order whose payment can't be read; returns when it is a dead letter."""
    before = site.processor("payment")["dead"]
    order = site.order(scenario="poison")
    eventually(lambda: site.processor("payment")["dead"] > before)
    return order


def open_group(page: Page) -> None:
    page.get_by_role("link", name="MalformedPayment").first.click()
    expect(page.locator(".dl-letters tbody tr").first).to_be_visible()


def test_a_letter_is_read_retried_and_comes_back(sign_in: SignIn, site: Site) -> None:
    order = poisoned(site)
    page = sign_in("operator", "/dead-letters/")
    open_group(page)
    row = page.locator(".dl-letters tr", has_text=f"order-{order}#")
    row.get_by_role("link").first.click()
    drawer = page.locator("#drawer")
    expect(drawer).to_contain_text("can't read the card")
    expect(drawer).to_contain_text("payment.py")
    drawer.get_by_role("button", name="Retry", exact=True).click()
    # Nothing was mended, so it dies again: the drawer and the row say so, and offer it again.
    expect(drawer).to_contain_text("it failed again at attempt")
    expect(drawer.get_by_role("button", name="Retry", exact=True)).to_be_visible()
    expect(row.locator(".st")).to_contain_text("came back")
    page.reload()
    expect(page.locator(".dl-group", has_text="came back after a retry")).to_be_visible()


@pytest.mark.long
def test_a_retry_in_the_trace_tells_its_outcome_there(sign_in: SignIn, site: Site) -> None:
    order = poisoned(site)
    page = sign_in("operator", "/dead-letters/?processor=payment")
    open_group(page)
    row = page.locator(".dl-letters tr", has_text=f"order-{order}#")
    row.get_by_role("link").first.click()
    page.locator("#drawer").get_by_role("link", name="Trace").click()
    page.get_by_role("link", name=re.compile("payment")).first.click()
    drawer = page.locator("#trace-drawer")
    drawer.get_by_role("button", name="Retry").click()
    expect(drawer).to_contain_text("it failed again at attempt")


def test_a_discard_is_asked_about_and_can_be_undone(sign_in: SignIn, site: Site) -> None:
    order = poisoned(site)
    page = sign_in("operator", "/dead-letters/")
    open_group(page)
    page.locator(".dl-letters tr", has_text=f"order-{order}#").get_by_role("checkbox").check()
    page.get_by_role("button", name="Discard chosen").click()
    question = page.locator(".dl-ask")
    expect(question).to_contain_text("Discard 1 dead letter?")
    question.get_by_label("Why?").fill("a test order")
    question.get_by_role("button", name="Discard 1").click()
    page.get_by_role("button", name="Undo").first.click()
    expect(page.locator("#dl-bulk")).to_contain_text("cancelled")
    expect(page.locator(".dl-group", has_text="MalformedPayment")).to_be_visible()


@pytest.mark.long
def test_a_whole_group_is_retried_step_by_step_and_stops(sign_in: SignIn, site: Site) -> None:
    for _ in range(3):
        poisoned(site)
    page = sign_in("operator", "/dead-letters/")
    page.get_by_role("button", name="Retry…").first.click()
    question = page.locator(".dl-ask")
    expect(question.get_by_label("First 1, then 10")).to_be_checked()
    question.get_by_role("button", name=re.compile("^Retry")).click()
    run = page.locator(".dl-group .dl-run")
    expect(run).to_contain_text("A letter came back", timeout=20_000)
    expect(run).to_contain_text("1 of ")


def test_a_poison_message_is_found_mended_and_seen_to_succeed(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/lab/faults/")
    fault = page.locator("form.lab-fault", has_text="Poison message")
    fault.get_by_label("Processor").select_option("payment")
    fault.get_by_role("button").click()
    expect(page.locator(".lab-set")).to_contain_text("poison")
    body = {"items": [{"sku": "mug", "quantity": 1}]}
    orders = [site.api("/orders", body, user="operator")["order_id"] for _ in range(3)]
    page.goto(f"{site.url}/dead-letters/")
    group = page.locator(".dl-group", has_text="PoisonMessage")
    # A new group is counted, not pushed in under the pointer.
    if not group.count():
        page.locator("#dl-new").click(timeout=20_000)
    expect(group.locator(".dl-count")).to_contain_text("3", timeout=20_000)
    group.get_by_role("link", name="PoisonMessage").first.click()
    row = page.locator(".dl-letters tr", has_text=f"order-{orders[0]}#")
    row.get_by_role("link").first.click()
    expect(page.locator("#drawer .tb", has_text="injection.py").first).to_be_visible()

    page.goto(f"{site.url}/lab/faults/")
    page.get_by_role("button", name="End all").click()
    expect(page.locator(".lab-set")).to_have_count(0)
    page.goto(f"{site.url}/dead-letters/?search=PoisonMessage")
    page.get_by_role("link", name="PoisonMessage").first.click()
    row.get_by_role("link").first.click()
    page.locator("#drawer").get_by_role("button", name="Retry", exact=True).click()
    expect(group.locator(".dl-count b")).to_have_text("2", timeout=15_000)  # live, in place
    group.get_by_role("button", name="Retry…").click()
    expect(page.locator(".dl-ask h2")).to_have_text("Retry 2 dead letters?")
    page.locator(".dl-ask").get_by_role("button", name="Retry 2").click()
    expect(page.locator("#dl-resolved")).to_contain_text("PoisonMessage", timeout=20_000)
    expect(group.get_by_role("button", name="Retry…")).to_have_count(0)
    for order in orders:
        eventually(lambda order=order: _status(site, order) == "confirmed")


def _status(site: Site, order: int) -> str:
    return str(site.api(f"/orders/{order}", user="operator")["status"])


@pytest.mark.long
def test_the_pages_are_accessible_in_both_themes(sign_in: SignIn, site: Site) -> None:
    poisoned(site)
    page = sign_in("operator", "/dead-letters/")
    open_group(page)
    pages = ["/dead-letters/", page.url.removeprefix(site.url), "/audit/"]
    found = {}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for path in pages:
            page.goto(site.url + path)
            report = Axe().run(page)
            if report.violations_count:
                found[theme, path] = [
                    (v["id"], [n["target"] for n in v["nodes"]][:3])
                    for v in report.response["violations"]
                ]
    assert found == {}
    page.set_viewport_size({"width": 390, "height": 844})
    for path in pages:
        page.goto(site.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_a_customer_has_no_way_there(sign_in: SignIn) -> None:
    page = sign_in("customer", "/shop/")
    expect(page.get_by_role("link", name="Dead letters")).to_have_count(0)
    page.goto(page.url.replace("/shop/", "/dead-letters/"))
    expect(page.locator("main")).to_contain_text("you need the permission")
