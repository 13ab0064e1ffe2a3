"""Lessons: what each experiment shows, read from the log; questions, progress, reset."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from events import publish
from events.models import Event
from events.testing import settle
from events.verification import verify
from processors import injection
from processors.domain_events import InventoryReplenished
from processors.lab import glossary, runs
from processors.lab.lesson import Evidence
from processors.lab.lessons import BY_SLUG, LESSONS
from processors.models import LabProgress, LabRun
from processors.switched_faults import switch_on, switched_on
from tests.accounts import person, signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelf")]


@pytest.fixture(autouse=True)
def hooked() -> None:
    injection.install()
    injection.look_again()


@pytest.fixture
def learner(customer: User, shelf: None) -> User:
    publish(InventoryReplenished(sku="lamp", quantity=1000), stream="product-lamp")
    settle()
    customer.groups.add(Group.objects.get_or_create(name="customer")[0])
    return customer


def run(user: User, slug: str, choice: str = "") -> Evidence:
    lesson = BY_SLUG[slug]
    started = runs.start(user, lesson, choice)
    settle()
    return lesson.evidence(started)


def value(evidence: Evidence, what: str) -> list[str]:
    row = next(row for row in evidence.rows if row.what == what)
    return [*(cell.text for cell in row.values), row.last.text]


def test_ripple_lists_every_event_with_who_listens(learner: User) -> None:
    evidence = run(learner, "ripple")
    assert evidence.settled
    assert next(row.what for row in evidence.rows) == "OrderCreated"
    assert "notification" in value(evidence, "OrderConfirmed")[1]
    assert value(evidence, "OrderConfirmed")[2] == "3 of 3"


def test_coupling_shows_the_failures_and_the_confirmed_order(learner: User) -> None:
    evidence = run(learner, "coupling")
    assert evidence.settled
    assert value(evidence, "The order")[0].startswith("confirmed")
    assert value(evidence, "Notification's failures") == ["2 of 2", "InjectedFault"]
    assert value(evidence, "Notification now")[0] == "done"


def test_topologies_compare_what_both_needed(learner: User) -> None:
    evidence = run(learner, "topologies")
    assert evidence.settled
    assert value(evidence, "Events and requests")[:2] == ["5", "8"]
    assert value(evidence, "Who takes the first step")[1] == "mediator"
    broker, mediator = (int(hops) for hops in value(evidence, "Hops to the outcome")[:2])
    assert broker < mediator


@pytest.mark.parametrize(("choice", "row"), [
    ("decider", "The one who decides"), ("notification", "Notification"),
])  # fmt: skip
def test_a_stopped_part_holds_up_what_depends_on_it(learner: User, choice: str, row: str) -> None:
    lesson = BY_SLUG["topologies"]
    started = runs.start(learner, lesson, choice)
    with pytest.raises(AssertionError, match="snooze"):
        settle(rounds=20)
    evidence = lesson.evidence(started)
    assert "done" not in value(evidence, row)
    confirmed = [cell.startswith("confirmed") for cell in value(evidence, "The order")[:2]]
    assert confirmed == [choice == "notification"] * 2


def test_consistency_measures_how_far_behind_the_read_model_was(learner: User) -> None:
    evidence = run(learner, "consistency")
    assert evidence.settled
    assert value(evidence, "The order")[0].startswith("cancelled")
    assert value(evidence, "The read model says")[0] == "cancelled"
    assert value(evidence, "The read model was behind by")[0].endswith("ms")


def test_order_is_kept_with_a_shared_key_and_lost_without(learner: User) -> None:
    evidence = run(learner, "ordering")
    assert evidence.settled
    kept, scattered, _ = value(evidence, "Handled")
    assert kept == "1 2 3 4 5 6 7 8"
    assert scattered != kept
    assert value(evidence, "Out of order")[0] == "0"
    assert int(value(evidence, "Out of order")[1]) >= 2


def test_what_comes_twice_counts_twice_only_without_a_guard(learner: User) -> None:
    evidence = run(learner, "duplicates")
    assert evidence.settled
    assert value(evidence, "Paid in")[:3] == ["50", "50", "50"]
    assert value(evidence, "Balance")[:3] == ["100", "50", "50"]


def test_a_poison_message_is_mended_and_retried(learner: User) -> None:
    lesson = BY_SLUG["retries"]
    evidence = run(learner, "retries")
    assert evidence.settled
    assert evidence.mendable
    assert value(evidence, "Attempt 5")[1] == "PoisonMessage"
    assert value(evidence, "Payment now")[0] == "dead"
    assert value(evidence, "An order placed meanwhile")[0].startswith("confirmed")
    started = runs.newest(learner, lesson)
    assert started is not None
    assert lesson.mend is not None
    lesson.mend(learner, started)
    settle()
    mended = lesson.evidence(started)
    assert value(mended, "The order with the poison message")[0].startswith("confirmed")
    assert not mended.mendable
    assert not list(verify())


def test_durability_confirms_every_order(learner: User) -> None:
    evidence = run(learner, "durability")  # no worker here to be killed; see the browser's test
    assert value(evidence, "Orders confirmed")[0] == "5 of 5"
    assert value(evidence, "Deliveries done")[0] == "70 of 70"
    assert evidence.settled
    assert value(evidence, "Killed with SIGKILL")[0] == "not yet"


def test_tracing_leads_from_the_failure_to_its_cause(learner: User) -> None:
    evidence = run(learner, "tracing")
    assert evidence.settled
    assert value(evidence, "The failure")[0].startswith("OrderCancelled")
    assert value(evidence, "Cause 1")[0] == "InventoryRejected by inventory"
    assert value(evidence, "Cause 2")[0] == "OrderCreated by shop"


def test_lessons_are_short_and_their_terms_are_known() -> None:
    for lesson in LESSONS:
        assert lesson.minutes <= 3
        for paragraph in lesson.text:
            glossary.linked(paragraph)
        assert 0 <= lesson.question.answer < len(lesson.question.options)


def test_a_double_click_is_one_run(learner: User) -> None:
    first = runs.start(learner, BY_SLUG["ripple"])
    assert runs.start(learner, BY_SLUG["ripple"]).pk == first.pk
    assert LabRun.objects.count() == 1


def test_a_question_is_answered_on_the_page(learner: User) -> None:
    client, url = signed_in(learner), reverse("lab:answer", args=["ripple"])
    assert b"Not that one" in client.post(url, {"option": "0"}, follow=True).content
    assert (
        b"Confirmation writes OrderConfirmed"
        in client.post(url, {"option": "2"}, follow=True).content
    )
    progress = LabProgress.objects.get()
    assert (progress.right, progress.tries) == (True, 2)
    assert client.get(reverse("lab:lab"))["Location"] == reverse("lab:lesson", args=["coupling"])


def test_the_class_shows_who_did_what_to_the_teacher(learner: User) -> None:
    runs.answer(learner, BY_SLUG["ripple"], 2)
    page = signed_in(person("teacher")).get(reverse("lab:class"))
    assert b"<td>customer</td>" in page.content


def test_a_reset_leaves_nothing_behind(learner: User) -> None:
    run(learner, "duplicates")
    runs.answer(learner, BY_SLUG["ripple"], 2)
    switch_on(learner, "payment", "slow")
    events = Event.objects.count()
    signed_in(learner).post(reverse("lab:reset"))
    assert switched_on(learner) == []
    assert runs.progress(learner) == (frozenset(), frozenset())
    assert Event.objects.count() == events
    settle()
    assert not list(verify())


def test_a_fault_stands_on_every_page_until_it_is_switched_off(learner: User) -> None:
    client = signed_in(learner)
    answer = client.post(
        reverse("lab:switch_on"), {"kind": "slow", "processor": "payment", "amount": "900"}
    )
    assert answer.status_code == 302
    assert b"payment: slow (900 ms)" in client.get(reverse("shop:shop")).content
    client.post(reverse("lab:switch_off"))
    assert b"payment: slow" not in client.get(reverse("shop:shop")).content
    refused = client.post(reverse("lab:switch_on"), {"kind": "slow", "processor": "payment",
                                                     "amount": "a lot"})  # fmt: skip
    assert refused.status_code == 422


def test_outside_of_demo_mode_there_is_no_lab(learner: User, settings: Any) -> None:
    settings.DEMO = False
    client = signed_in(learner)
    assert client.get(reverse("lab:lesson", args=["ripple"])).status_code == 404
    assert client.get(reverse("lab:faults")).status_code == 404
