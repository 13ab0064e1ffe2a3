"""A learner goes through the lab: each experiment for real, its evidence on the page, live."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.people import SignIn

pytestmark = pytest.mark.browser
WAIT = 40_000


def run(sign_in: SignIn, slug: str) -> Page:
    """Press the button and see the evidence come, without a reload."""
    page = sign_in("teacher", f"/lab/lessons/{slug}/")
    page.locator(".lab-run button").click()
    expect(page.locator("#evidence .state").last).to_have_text("settled", timeout=WAIT)
    return page


def row(page: Page, what: str) -> Locator:
    return page.locator("#evidence tr", has_text=what)


def concludes(page: Page, words: str) -> None:
    expect(page.locator(".lab-conclusion")).to_contain_text(re.compile(words))


def test_lesson_1_follows_an_order(sign_in: SignIn) -> None:
    page = run(sign_in, "ripple")
    expect(row(page, "OrderConfirmed")).to_contain_text("notification")
    concludes(page, r"5 events, \d+ deliveries, confirmed")
    page.locator(".lab-question button").nth(2).click()
    expect(page.locator("#question")).to_contain_text("Confirmation writes OrderConfirmed")
    page.wait_for_load_state("load")
    page.keyboard.press("]")
    page.wait_for_url("**/lab/lessons/coupling/")


def test_lesson_2_notification_fails_and_the_order_does_not(sign_in: SignIn) -> None:
    page = run(sign_in, "coupling")
    expect(row(page, "Notification's failures")).to_contain_text("2 of 2")
    expect(row(page, "The order")).to_contain_text("confirmed")


def test_lesson_3_broker_and_mediator(sign_in: SignIn) -> None:
    page = run(sign_in, "topologies")
    concludes(page, "5 messages without and 8 with")


def test_lesson_4_a_claim_is_corrected(sign_in: SignIn) -> None:
    page = run(sign_in, "consistency")
    expect(row(page, "The read model says")).to_contain_text("cancelled")
    concludes(page, "For .* the page showed what was not true")


def test_lesson_5_order_per_key(sign_in: SignIn) -> None:
    page = run(sign_in, "ordering")
    expect(row(page, "Handled")).to_contain_text("1 2 3 4 5 6 7 8")
    concludes(page, "nothing overtook")


def test_lesson_6_duplicates(sign_in: SignIn) -> None:
    concludes(run(sign_in, "duplicates"), "50 was paid in. .* is 100; .* is 50")


def test_lesson_7_poison_is_mended_and_retried(sign_in: SignIn) -> None:
    page = run(sign_in, "retries")
    expect(row(page, "Payment now")).to_contain_text("dead")
    expect(row(page, "An order placed meanwhile")).to_contain_text("confirmed")
    page.get_by_role("button", name="Mend the handler and retry").click()
    expect(row(page, "with the poison message")).to_contain_text("confirmed", timeout=WAIT)


def test_lesson_8_a_worker_dies_and_nothing_is_lost(sign_in: SignIn) -> None:
    concludes(run(sign_in, "durability"), r"Process \d+ died.*5 of 5 orders were confirmed")


def test_lesson_9_from_the_failure_to_its_cause(sign_in: SignIn) -> None:
    page = run(sign_in, "tracing")
    expect(row(page, "Cause 1")).to_contain_text("InventoryRejected by inventory")


def test_a_fault_is_felt_shown_and_ended(sign_in: SignIn) -> None:
    page = sign_in("teacher", "/lab/faults/")
    page.get_by_role("button", name="Switch on: Slow").click()
    expect(page.locator(".nav .notice")).to_contain_text("slow (1500 ms)")
    page.get_by_role("button", name="End all").click()
    expect(page.locator(".notice")).to_have_count(0)


def test_a_reset_leaves_nothing_behind(sign_in: SignIn) -> None:
    page = sign_in("teacher", "/lab/lessons/ripple/")
    page.get_by_role("button", name="Reset my lab").click()
    expect(page.get_by_text("The lab is as new")).to_be_visible()
    expect(page.locator(".lab-mark.done")).to_have_count(0)
    expect(page.locator(".notice")).to_have_count(0)


def test_it_works_without_javascript(sign_in: SignIn) -> None:
    page = sign_in("teacher", "/lab/lessons/ripple/", java_script_enabled=False)
    page.locator(".lab-run button").click()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
