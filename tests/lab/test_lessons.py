"""Lessons: what each experiment shows, read from the log; questions, progress, reset."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F, QuerySet
from django.urls import reverse

from events.domain_events import InventoryReplenished
from flowdeck import publish
from flowdeck.checklist import QUESTIONS, answer
from flowdeck.models import AuditEntry, Delivery, Due, Event
from flowdeck.testing import settle
from flowdeck.verification import verify
from flowdeck.words import duration
from lab import glossary, injection, runs
from lab.lesson import Evidence
from lab.lessons import BY_SLUG, LESSONS
from lab.models import LabBalance, LabProgress, LabRun, LabSeen, SwitchedFault
from lab.switched_faults import switch_on, switched_on
from processors.models import Charge
from tests.accounts import person, ready, signed_in
from tests.lab.told import agrees, value

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelf")]


@pytest.fixture(autouse=True)
def hooked() -> None:
    injection.install()
    injection.look_again()


@pytest.fixture
def learner(customer: User, shelf: None) -> User:
    publish(InventoryReplenished(sku="lamp", quantity=1000), stream="product-lamp")
    settle()
    customer.groups.add(ready("customer"))
    return customer


def run(user: User, slug: str, choice: str = "") -> Evidence:
    lesson = BY_SLUG[slug]
    started = runs.start(user, lesson, choice)
    settle()
    evidence = lesson.evidence(started)
    agrees(slug, started, evidence)
    return evidence


def test_ripple_lists_every_event_with_who_listens(learner: User) -> None:
    evidence = run(learner, "ripple")
    assert evidence.settled
    assert next(row.what for row in evidence.rows) == "OrderCreated"
    assert "notification" in value(evidence, "OrderConfirmed")[1]
    assert value(evidence, "OrderConfirmed")[2] == "4 of 4"


def test_coupling_shows_the_failures_and_the_confirmed_order(learner: User) -> None:
    evidence = run(learner, "coupling")
    assert evidence.settled
    assert value(evidence, "The order")[0].startswith("confirmed")
    assert value(evidence, "Notification's failures") == ["2 of 2", "InjectedFault"]
    assert value(evidence, "Notification now")[0] == "done"


def test_topologies_compare_what_both_needed(learner: User) -> None:
    evidence = run(learner, "topologies")
    assert evidence.settled
    assert value(evidence, "Events and requests")[:2] == ["5", "7"]
    assert value(evidence, "Who takes the first step")[1] == "mediator"
    drawn = evidence.pictures[0].diagram
    assert drawn
    assert drawn.label == (
        "shop done, payment done, inventory done, confirmation done, notification done"
    )
    assert "at mediator" in value(evidence, "Links, from the registry")[1]
    broker, mediator = (int(hops) for hops in value(evidence, "Hops to the outcome")[:2])
    assert broker < mediator


@pytest.mark.parametrize(
    ("choice", "row"),
    [
        ("decider", "The one who decides"),
        ("payment", "The order"),
        ("notification", "Notification"),
    ],
)
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
    evidence = run(learner, "retries")
    assert evidence.settled
    assert evidence.mendable
    assert value(evidence, "Attempt 5")[1] == "PoisonMessage"
    assert value(evidence, "Payment now")[0] == "dead"
    assert value(evidence, "An order placed meanwhile")[0].startswith("confirmed")
    mended = mend(learner, "retries")
    assert value(mended, "The order with the poison message")[0].startswith("confirmed")
    assert not mended.mendable
    assert not list(verify())


_WAITING = re.compile(
    r"\bit waits|delivery waits|not yet|takes over|a person is needed|\bstopped\b"
)


@pytest.mark.parametrize(
    ("slug", "choice"),
    [
        ("ripple", ""),
        ("coupling", ""),
        ("topologies", "well"),
        ("consistency", ""),
        ("retries", ""),
        ("durability", ""),
        ("evolution", ""),
    ],
)
def test_no_reason_contradicts_the_state_beside_it(learner: User, slug: str, choice: str) -> None:
    found = [run(learner, slug, choice)]
    if found[0].mendable:
        found.append(mend(learner, slug))
    for evidence in found:
        assert evidence.settled
        for row in evidence.rows:
            if any(cell.state == "done" for cell in row.values):
                assert not _WAITING.search(row.last.text), (row.what, row.values, row.last.text)
        assert not any("later each time" in one.sub for one in evidence.pictures)


def in_the_log(slug: str, learner: User, name: str = "trace") -> QuerySet[Delivery]:
    """The deliveries of a run's trace, asked of the table itself."""
    newest = runs.newest(learner, BY_SLUG[slug])
    assert newest is not None
    return Delivery.objects.filter(event__correlation_id=newest.facts[name])


def test_who_listens_is_who_got_it(learner: User) -> None:
    evidence = run(learner, "ripple")
    rows = in_the_log("ripple", learner)
    for row in evidence.rows:
        heard = rows.filter(event__type=row.what)
        names = sorted(heard.values_list("processor", flat=True))
        done = heard.filter(state="done").count()
        assert value(evidence, row.what)[1:] == [", ".join(names), f"{done} of {len(names)}"]
    run(learner, "coupling")
    rows = in_the_log("coupling", learner).filter(event__type="OrderConfirmed")
    before = rows.count()
    evidence = mend(learner, "coupling")
    names = sorted(rows.values_list("processor", flat=True))
    assert len(names) == before + 1
    assert value(evidence, "Who listens to OrderConfirmed")[0] == ", ".join(names)


def test_retries_say_what_the_log_says_of_the_poison_message(learner: User) -> None:
    evidence = run(learner, "retries")
    payment = in_the_log("retries", learner).get(
        processor="payment", event__type="OrderCreated", event__causation_id=None
    )
    failed = list(payment.failures.order_by("number").values_list("number", "error"))
    told = [row for row in evidence.rows if row.what.startswith("Attempt ")]
    assert [(int(row.what.split()[1]), row.last.text) for row in told] == failed
    assert value(evidence, "Payment now") == [
        payment.state,
        "its attempts are used up: a person is needed",
    ]
    mended = mend(learner, "retries")
    payment.refresh_from_db()
    assert value(mended, "Payment now") == [payment.state, f"done at attempt {payment.attempts}"]
    assert value(mended, "The order with the poison message")[1] == "charged once"
    charges = Charge.objects.filter(order_id=payment.event.data["order_id"])
    assert charges.count() == 1


def test_the_last_table_names_who_was_stopped_and_for_how_long(learner: User) -> None:
    lesson = BY_SLUG["topologies"]
    started = runs.start(learner, lesson, "decider")
    with pytest.raises(AssertionError, match="snooze"):
        settle(rounds=20)
    assert value(lesson.evidence(started), "Stopped for 6 s")[:2] == [
        "confirmation: waits",
        "mediator: waits",
    ]
    switched_on(learner)
    SwitchedFault.objects.update(ends_at=F("began_at"))
    injection.look_again()
    Due.objects.filter(state="pending").update(due_at=None)
    settle()
    evidence = lesson.evidence(started)
    for topology, name, told in zip(
        ("broker", "mediator"),
        ("confirmation", "mediator"),
        value(evidence, "Stopped for 6 s"),
        strict=False,
    ):
        rows = in_the_log("topologies", learner, topology).filter(processor=name)
        longest = max(row.finished_at - row.event.recorded_at for row in rows if row.finished_at)
        assert told == f"{name}: done {duration(longest)} after it was asked"


def test_durability_confirms_every_order(learner: User) -> None:
    evidence = run(learner, "durability")  # no worker here to be killed; see the browser's test
    assert value(evidence, "Orders confirmed")[0] == "5 of 5"
    done, total = value(evidence, "Deliveries done")[0].split(" of ")
    assert done == total
    assert evidence.settled
    assert value(evidence, "Killed with SIGKILL")[0] == "not yet"


def test_tracing_leads_from_the_failure_to_its_cause(learner: User) -> None:
    evidence = run(learner, "tracing")
    assert evidence.settled
    assert value(evidence, "The failure")[0].startswith("OrderCancelled")
    assert value(evidence, "Cause 1")[0] == "InventoryRejected by inventory"
    assert value(evidence, "Cause 2")[0] == "OrderCreated by shop"


def mend(user: User, slug: str) -> Evidence:
    lesson, started = BY_SLUG[slug], runs.newest(user, BY_SLUG[slug])
    assert started is not None
    assert lesson.mend is not None
    lesson.mend(user, started)
    settle()
    evidence = lesson.evidence(started)
    agrees(slug, started, evidence)
    return evidence


def test_a_newcomer_gets_the_event_and_nobody_else_notices(learner: User) -> None:
    assert run(learner, "coupling").mendable
    evidence = mend(learner, "coupling")
    assert evidence.settled
    assert not evidence.mendable
    assert value(evidence, "The newcomer")[0] == "done"
    assert value(evidence, "What it did")[0] == "59 points"
    before, after = value(evidence, "Deliveries of the others")[0].split(", before ")
    assert before == after
    assert not list(verify())


def test_a_balance_is_the_sum_of_its_events_and_survives_its_table(learner: User) -> None:
    evidence = run(learner, "sourcing")
    assert [value(evidence, f"After event {n}")[1] for n in range(1, 6)] == [
        "50",
        "30",
        "60",
        "15",
        "25",
    ]
    assert evidence.mendable
    evidence = mend(learner, "sourcing")
    assert value(evidence, "Replayed")[:2] == ["5 events", "25"]
    assert value(evidence, "The read model says")[1] == "25"
    assert not evidence.mendable
    assert not list(verify())


def test_old_events_are_handled_by_new_code(learner: User) -> None:
    evidence = run(learner, "evolution")
    assert evidence.settled
    assert value(evidence, "Version in the log")[:2] == ["1", "2"]
    assert value(evidence, "What the processor did")[:2] == ["Hello Ada", "Hello Grace"]
    assert "Lovelace" in value(evidence, "As the code reads it")[0]


def test_each_question_has_a_read_model(learner: User) -> None:
    evidence = run(learner, "cqrs")
    assert evidence.settled
    assert value(evidence, "Where is my order?")[:2] == ["orders", "confirmed"]
    assert value(evidence, "How many lamp were sold that day?")[1] == "1"


def test_a_pattern_is_found_by_event_time(learner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processors.gateway._take_time", lambda seconds: None)
    evidence = run(learner, "patterns")
    assert evidence.settled
    counts = sorted(row.last.text for row in evidence.rows if row.what.startswith("order"))
    assert counts == [
        "in the window",
        "in the window",
        "in the window",
        "outside of the window",
        "too late, its window is closed",
    ]
    told = [row.what for row in evidence.rows if row.what.startswith("order")]
    assert told == [f"order {number}" for number in by_event_time()]
    assert told != sorted(told, key=lambda what: int(what.split()[1]))
    assert value(evidence, "FraudSuspected")[0] == "3 orders"


def by_event_time() -> list[int]:
    failed = Event.objects.filter(type="PaymentProcessed").order_by("occurred_at")
    return [event.data["order_id"] for event in failed]


def test_calls_fail_with_whom_they_call(learner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.calls._pause", lambda seconds: None)
    lesson = BY_SLUG["calls"]
    started = runs.start(learner, lesson, "down")
    with pytest.raises(AssertionError, match="snooze"):
        settle(rounds=20)
    evidence = lesson.evidence(started)
    assert value(evidence, "The order")[0] == "not placed"
    assert value(evidence, "The order")[1].startswith("confirmed")
    assert value(evidence, "The money")[0] == "taken, then given back"
    assert value(evidence, "Notification")[1] != "done"
    SwitchedFault.objects.update(ends_at=F("began_at"))
    injection.look_again()
    Due.objects.filter(state="pending").update(due_at=None)
    settle()
    ended = lesson.evidence(started)
    assert ended.settled
    agrees("calls", started, ended)


def test_with_everything_up_both_ways_work(learner: User) -> None:
    evidence = run(learner, "calls", "well")
    assert evidence.settled
    assert value(evidence, "The order")[0] == "confirmed"
    assert value(evidence, "Notification")[:2] == ["called", "done"]


def test_the_lessons_are_those_of_the_course_in_its_order() -> None:
    assert [lesson.slug for lesson in LESSONS] == [
        "ripple",
        "coupling",
        "topologies",
        "consistency",
        "ordering",
        "duplicates",
        "retries",
        "durability",
        "tracing",
        "sourcing",
        "evolution",
        "cqrs",
        "patterns",
        "calls",
    ]


def test_a_lesson_is_short_and_links_its_terms() -> None:
    for lesson in LESSONS:
        assert lesson.minutes <= 2, lesson.slug
        shown = "".join(glossary.linked(lesson.text))
        used = glossary.terms_in(" ".join(lesson.text))
        assert len(used) >= 2, lesson.slug
        assert shown.count("<a ") == len(used), lesson.slug
        assert 0 <= lesson.question.answer < len(lesson.question.options), lesson.slug


def test_a_text_is_never_markup() -> None:
    (shown,) = glossary.linked(("<b>an event</b> & events",))
    assert shown.startswith("&lt;b&gt;an <a ")
    assert shown.endswith("&lt;/b&gt; &amp; events")


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


def test_a_reset_leaves_nothing_behind(learner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.calls._pause", lambda seconds: None)
    for slug, choice in (("duplicates", ""), ("retries", ""), ("calls", "well")):
        run(learner, slug, choice)
    runs.answer(learner, BY_SLUG["ripple"], 2)
    switch_on(learner, "payment", "slow")
    events = Event.objects.count()
    assert Delivery.objects.filter(state="dead").exists()
    signed_in(learner).post(reverse("lab:reset"))
    assert switched_on(learner) == []
    assert runs.progress(learner) == (frozenset(), frozenset())
    assert Event.objects.count() == events
    for model in (LabRun, LabProgress, LabBalance, LabSeen):
        assert not model.objects.exists()
    assert not Charge.objects.filter(order_id__lt=0).exists()
    settle()
    assert not Delivery.objects.exclude(state__in=("done", "discarded")).exists()
    assert not list(verify())
    assert AuditEntry.objects.filter(action="reset").count() == 1


def test_a_run_ends_tidy_when_the_next_one_begins(learner: User) -> None:
    run(learner, "retries")
    LabRun.objects.update(began_at=F("began_at") - timedelta(seconds=5))
    run(learner, "retries")
    letters = Delivery.objects.filter(processor="payment", state__in=("dead", "discarded"))
    assert sorted(letters.values_list("state", flat=True)) == ["dead", "discarded"]


def test_a_fault_stands_on_every_page_until_it_is_switched_off(learner: User) -> None:
    client = signed_in(learner)
    answer = client.post(
        reverse("lab:switch_on"), {"kind": "slow", "processor": "payment", "amount": "900"}
    )
    assert answer.status_code == 302
    assert b"payment: slow (900 ms)" in client.get(reverse("shop:shop")).content
    client.post(reverse("lab:switch_off"))
    assert b"payment: slow" not in client.get(reverse("shop:shop")).content
    refused = client.post(
        reverse("lab:switch_on"), {"kind": "slow", "processor": "payment", "amount": "a lot"}
    )
    assert refused.status_code == 422


def test_outside_of_demo_mode_there_is_no_lab(learner: User, settings: Any) -> None:
    settings.DEMO = False
    client = signed_in(learner)
    assert client.get(reverse("lab:lesson", args=["ripple"])).status_code == 404
    assert client.get(reverse("lab:faults")).status_code == 404


def test_the_design_review_tells_what_the_lab_gets_wrong_on_purpose(learner: User) -> None:
    run = runs.start(learner, BY_SLUG["duplicates"])
    settle()
    assert LabBalance.objects.filter(run_id=run.pk, processor="lab.careless").exists()
    found = answer(QUESTIONS[2], redeliver=True).finding
    assert found.verdict == "pass", found
    assert "lab.careless (it adds outside of its transaction" in found.on_purpose
