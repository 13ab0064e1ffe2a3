"""A learner goes through the lab: each experiment for real, its evidence on the page, live.

``make lab-thrice`` (LAB_ROUNDS=3) runs each lesson three times and wants the same outcome.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.people import SignIn
from tests.site import Site

pytestmark = pytest.mark.browser
WAIT = 40_000
ROUNDS = int(os.environ.get("LAB_ROUNDS", "1"))


@dataclass(frozen=True)
class Lesson:
    """What a lesson's page shows once its experiment is over, and again after its second step."""

    concludes: str
    rows: dict[str, str] = field(default_factory=dict)
    mend: str = ""
    mended: str = ""


# The others differ in what they say, which tests/lab asks; make test-long opens all of them.
SHOWN = ("ripple", "durability", "topologies")
LESSONS = {
    "ripple": Lesson(r"5 events, \d+ deliveries, confirmed", {"OrderConfirmed": "notification"}),
    "coupling": Lesson(
        "Nobody waited for it",
        {"Notification's failures": "2 of 2", "The order": "confirmed"},
        "Add a processor to the running system",
        r"gave 59 points; the (\d+) deliveries",
    ),
    "topologies": Lesson(
        "5 messages without and 7 with", {"Links, from the": "of them at mediator"}
    ),
    "consistency": Lesson(
        "For .* the page showed what was not true", {"The read model says": "cancelled"}
    ),
    "ordering": Lesson("nothing overtook", {"Handled": "1 2 3 4 5 6 7 8"}),
    "duplicates": Lesson("50 was paid in. .* is 100; .* is 50"),
    "retries": Lesson(
        "The dead letter waits",
        {"Payment now": "dead", "An order placed meanwhile": "confirmed"},
        "Mend the handler and retry",
        "5 attempts failed.*the order was confirmed",
    ),
    "durability": Lesson(
        r"Process \d+ died, Redis was emptied, and 5 of 5 orders were confirmed",
        {"Redis emptied": "keys dropped"},
    ),
    "tracing": Lesson("to the cause by", {"Cause 1": "InventoryRejected by inventory"}),
    "sourcing": Lesson(
        "every balance is a sum",
        {"After event 5": "25", "The read model says": "25"},
        "Throw the read model away and replay",
        "5 events gave the same balance again: 25",
    ),
    "evolution": Lesson("Hello Ada, Hello Grace", {"Version in the log": "12"}),
    "cqrs": Lesson("wrote one event and read no read model", {"Where is my order?": "confirmed"}),
    "patterns": Lesson(
        "Of 5 failed payments 3 happened within a minute", {"FraudSuspected": "3 orders"}
    ),
    "calls": Lesson(
        "By calls the order failed with notification; by events it was confirmed",
        {"The money": "taken, then given back", "The answer": "an error"},
    ),
}


def row(page: Page, what: str) -> Locator:
    return page.locator("#evidence tr", has=page.locator("td:first-child", has_text=what)).last


def run(page: Page) -> None:
    """Press the button and see the evidence come, without a reload."""
    page.locator(".lab-run button").click()
    expect(page.locator("#evidence header .state")).to_have_text("settled", timeout=WAIT)


def concluded(page: Page, words: str) -> str:
    """The conclusion, which has to match, without what differs each time: times and numbers."""
    conclusion = page.locator(".lab-conclusion")
    expect(conclusion).to_contain_text(re.compile(words), timeout=WAIT)
    return re.sub(r"\d[\d.,]*( ms| s)?", "#", conclusion.inner_text())


@pytest.mark.parametrize(
    "slug",
    [slug if slug in SHOWN else pytest.param(slug, marks=pytest.mark.long) for slug in LESSONS],
)
def test_a_lesson_from_end_to_end(sign_in: SignIn, slug: str) -> None:
    lesson, outcomes = LESSONS[slug], set()
    page = sign_in("teacher", f"/lab/lessons/{slug}/")
    for number in range(ROUNDS):
        if number:
            page.get_by_role("button", name="Reset my lab").click()
            page.goto(page.url.split("/lab/")[0] + f"/lab/lessons/{slug}/")
        run(page)
        for what, shown in lesson.rows.items():
            expect(row(page, what)).to_contain_text(shown)
        outcome = concluded(page, lesson.concludes)
        if lesson.mend:
            page.get_by_role("button", name=lesson.mend).click()
            outcome += concluded(page, lesson.mended)
        outcomes.add(outcome)
    assert len(outcomes) == 1


def test_a_stopped_decider_holds_up_its_orders_and_loses_none(sign_in: SignIn) -> None:
    page = sign_in("teacher", "/lab/lessons/topologies/")
    page.locator(".lab-run select").select_option("decider")
    page.locator(".lab-run button").click()
    expect(page.locator("#evidence .n-retrying, #evidence .n-pending")).not_to_have_count(0)
    expect(page.locator("#evidence header .state")).to_have_text("settled", timeout=WAIT)
    expect(row(page, "The order")).to_contain_text(re.compile("confirmed.*confirmed"))


def test_a_question_is_answered_and_keys_lead_on(sign_in: SignIn) -> None:
    page = sign_in("teacher", "/lab/lessons/ripple/")
    page.locator(".lab-question button").nth(2).click()
    expect(page.locator("#question")).to_contain_text("Confirmation writes OrderConfirmed")
    page.locator(".lab-lesson a[href*='glossary']").first.click()
    page.wait_for_url("**/lab/glossary/#*")
    page.go_back()
    page.wait_for_load_state("load")
    page.keyboard.press("]")
    page.wait_for_url("**/lab/lessons/coupling/")


def test_the_self_check_leads_to_the_page_with_the_answer(sign_in: SignIn) -> None:
    page = sign_in("teacher", "/lab/quiz/")
    page.locator("#q-sourcing").get_by_label("Correct the rows by hand").check()
    page.get_by_role("button", name="Check my answers").click()
    expect(page.get_by_role("status").filter(has_text="right")).to_contain_text("0 of 14")
    expect(page.locator("#q-sourcing")).to_contain_text("Not that one")
    page.locator("#q-sourcing").get_by_role("link").click()
    expect(page.locator(".lab-lesson")).to_contain_text("gives the same rows")


def test_a_fault_is_felt_shown_and_ended(sign_in: SignIn) -> None:
    page = sign_in("teacher", "/lab/faults/")
    page.get_by_role("button", name="Switch on: Slow").click()
    expect(page.locator(".nav .notice")).to_contain_text("slow (1500 ms)")
    page.get_by_role("button", name="End all").click()
    expect(page.locator(".notice")).to_have_count(0)


def test_it_works_without_javascript(sign_in: SignIn) -> None:
    page = sign_in("teacher", "/lab/lessons/ripple/", java_script_enabled=False)
    page.locator(".lab-run button").click()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()


def test_a_reset_leaves_nothing_behind(sign_in: SignIn, site: Site) -> None:
    page = sign_in("teacher", "/lab/lessons/ripple/")
    page.get_by_role("button", name="Reset my lab").click()
    expect(page.get_by_text("The lab is as new")).to_be_visible()
    expect(page.locator(".lab-mark.done")).to_have_count(0)
    expect(page.locator(".notice")).to_have_count(0)
    site.manage("verify")
