"""The design review: passes what is well, and finds each violation when one is planted."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F

from flowdeck import Delivery as EventDelivery
from flowdeck import Retry, clock, publish
from flowdeck.checklist import QUESTIONS, answer, purpose, running
from flowdeck.checklist.finding import Finding
from flowdeck.declare.registry import registry
from flowdeck.declare.subscribing import declare
from flowdeck.models import Delivery, Stream, Worker
from flowdeck.models import Event as Row
from flowdeck.testing import settle
from tests.deliveries import change, remove
from tests.flowdeck.declare.test_payloads import store
from tests.probe.events import Keyed, Probed
from tests.probe.models import Effect, Tally

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def history() -> None:
    publish(Probed(n=1, echoes=2), Probed(n=2, fails=1), stream="probe-1")
    publish(Probed(n=3), stream="probe-2")
    settle()


def ask(number: int, redeliver: bool = True) -> Finding:
    return answer(QUESTIONS[number - 1], redeliver=redeliver).finding


def everything() -> list[object]:
    return [
        model.objects.order_by("pk").values_list()
        for model in (Row, Delivery, Effect, Tally, Stream)
    ]


@pytest.mark.usefixtures("history")
def test_ten_verdicts_and_nothing_left_behind() -> None:
    before = [list(rows) for rows in everything()]  # type: ignore[call-overload]
    found = [answer(question, redeliver=True).finding for question in QUESTIONS]
    assert len(found) == 10
    assert all(one.evidence for one in found)
    assert all(one.advice for one in found if one.verdict != "pass")
    assert [list(rows) for rows in everything()] == before  # type: ignore[call-overload]


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("number", [1, 3, 4, 5, 6, 8])
def test_what_is_well_passes(number: int) -> None:
    found = ask(number)
    assert found.verdict == "pass", found


@pytest.mark.usefixtures("history")
def test_1_a_log_that_can_be_changed_fails() -> None:
    with rule_lifted():
        found = ask(1)
    assert found.verdict == "fail"
    assert "UPDATE" in found.evidence
    assert Row.objects.filter(producer="x").count() == 0


class rule_lifted:  # noqa: N801 (reads as words)
    """The database's append-only rule, off for a while."""

    def __enter__(self) -> None:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("ALTER TABLE flowdeck_event DISABLE TRIGGER USER")
                return
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' "
                "AND tbl_name = 'flowdeck_event'"
            )
            self.triggers = cursor.fetchall()
            for name, _ in self.triggers:
                cursor.execute(f"DROP TRIGGER {name}")

    def __exit__(self, *_: object) -> None:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("ALTER TABLE flowdeck_event ENABLE TRIGGER USER")
                return
            for _, statement in self.triggers:
                cursor.execute(statement)


@pytest.mark.usefixtures("history")
def test_2_an_event_without_its_delivery_fails() -> None:
    newest = Delivery.objects.filter(processor="probe.atomic").latest("event_id")
    remove(Delivery.objects.filter(pk=newest.pk))
    found = ask(2)
    assert found.verdict == "fail"
    assert "1 stored event without one" in found.evidence


def counting(event: Probed, delivery: EventDelivery) -> None:
    """Counts outside of its delivery's transaction, without a guard: wrong."""
    Tally.objects.get_or_create(stream="count", defaults={"count": 0})
    Tally.objects.filter(stream="count").update(count=F("count") + 1)


@pytest.fixture
def careless() -> Iterator[str]:
    registry.add_processor(declare("careless", counting, atomic=False))
    yield "careless"
    registry.remove_processor("careless")


def test_3_a_processor_that_is_not_idempotent_fails(careless: str) -> None:
    publish(Probed(n=1), stream="probe-1")
    settle()
    found = ask(3)
    assert found.verdict == "fail"
    assert "careless wrote" in found.evidence
    assert Tally.objects.get(stream="count").count == 1
    assert "careless" in ask(3, redeliver=False).evidence


def test_3_what_is_wrong_on_purpose_is_told_and_not_counted(
    careless: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purpose, "_why", {"careless": "it counts twice, to show it"})
    publish(Probed(n=1), stream="probe-1")
    settle()
    found = ask(3)
    assert found.verdict == "pass"
    assert found.on_purpose == (
        "Wrong on purpose, so not counted: careless (it counts twice, to show it)."
    )


@pytest.mark.usefixtures("history")
def test_4_a_read_model_that_the_log_does_not_give_fails() -> None:
    Tally.objects.update(count=F("count") + 1)
    found = ask(4)
    assert found.verdict == "fail"
    assert "probe.tally" in found.evidence


def test_5_a_stored_version_without_upcaster_fails() -> None:
    store("Renamed", 4, {})
    assert ask(5).verdict == "fail"


def test_5_a_stored_type_that_nobody_declares_is_told() -> None:
    store("Vanished", 1, {})
    assert "Vanished" in ask(5).evidence


@pytest.mark.usefixtures("history")
def test_6_dead_letters_left_lying_are_told() -> None:
    publish(Probed(n=9, rejects="probe.atomic"), stream="probe-9")
    settle()
    assert ask(6).verdict == "pass"
    change(Delivery.objects.filter(state="dead"), finished_at=datetime.now(UTC) - timedelta(days=3))
    found = ask(6)
    assert found.verdict == "warn"
    assert found.traces


def test_6_a_retry_policy_without_end_is_told() -> None:
    registry.add_processor(declare("stubborn", counting, retry=Retry(max_attempts=1000)))
    try:
        assert "stubborn" in ask(6).evidence
    finally:
        registry.remove_processor("stubborn")


@pytest.mark.usefixtures("history")
def test_7_an_overtaken_delivery_fails() -> None:
    first = Delivery.objects.filter(processor="probe.atomic", event__key="probe-1").order_by(
        "event_id"
    )[0]
    change(Delivery.objects.filter(pk=first.pk), finished_at=datetime.now(UTC) + timedelta(hours=1))
    assert ask(7).verdict == "fail"


@pytest.mark.usefixtures("history")
def test_7_a_processor_that_skips_is_told() -> None:
    assert "probe.skipping" in ask(7).evidence


@pytest.mark.usefixtures("history")
def test_8_a_cause_in_no_trace_fails() -> None:
    receipt = publish(Probed(n=9), stream="probe-9", causation_id=uuid4())
    found = ask(8)
    assert found.verdict == "fail"
    assert found.traces == (str(receipt.correlation_id),)


@pytest.mark.usefixtures("history")
def test_9_a_read_model_close_behind_passes() -> None:
    for delivery in Delivery.objects.filter(processor="probe.tally").select_related("event"):
        finished_at = delivery.event.recorded_at + timedelta(milliseconds=50)
        change(Delivery.objects.filter(pk=delivery.pk), finished_at=finished_at)
    assert ask(9).verdict == "pass"


@pytest.mark.usefixtures("history")
def test_9_a_read_model_far_behind_fails() -> None:
    change(
        Delivery.objects.filter(processor="probe.tally"),
        finished_at=datetime.now(UTC) + timedelta(minutes=5),
    )
    assert ask(9).verdict == "fail"


@pytest.mark.usefixtures("history")
def test_9_what_waited_for_the_first_worker_is_no_lag() -> None:
    change(
        Delivery.objects.filter(processor="probe.tally"),
        finished_at=datetime.now(UTC) + timedelta(minutes=5),
    )
    Worker.objects.create(
        name="first", started_at=datetime.now(UTC) + timedelta(minutes=4), seen_at=datetime.now(UTC)
    )
    assert ask(9).verdict == "untried"


def test_9_what_waits_for_workers_that_have_just_begun_is_no_lag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A demo is filled before its workers start."""
    publish(Probed(n=1), stream="probe-1")
    later = clock.now() + timedelta(minutes=5)
    monkeypatch.setattr(running, "clock", SimpleNamespace(now=lambda: later))
    assert ask(9).verdict == "fail"
    Worker.objects.create(name="first", started_at=later - timedelta(seconds=1), seen_at=later)
    assert ask(9).verdict == "untried"


def test_10_what_is_still_to_be_handled_was_not_overlooked() -> None:
    publish(Keyed(owner="ada", n=2), stream="keyed-1")
    settle()
    publish(Probed(n=1), stream="probe-1")
    found = ask(10)
    assert (found.verdict, "Not handled yet: probe.atomic on Probed" in found.evidence) == (
        "untried",
        True,
    )


def test_10_processors_that_never_met_anything_are_told_apart_from_wrong_ones() -> None:
    assert ask(10).verdict == "untried"


@pytest.mark.usefixtures("history")
def test_10_paths_never_walked_are_told() -> None:
    found = ask(10)
    assert found.verdict == "untried"
    assert "Never failed and recovered" in found.evidence
    assert "flowdeck.testing.settle()" in found.advice


def test_an_empty_log_breaks_no_experiment() -> None:
    assert not [q.number for q in QUESTIONS if "broke down" in ask(q.number).evidence]


@pytest.mark.usefixtures("history")
def test_the_command_tells_and_fails_with_a_failure() -> None:
    out = io.StringIO()
    call_command("checklist", "--json", stdout=out)
    assert [one["number"] for one in json.loads(out.getvalue())] == list(range(1, 11))
    publish(Probed(n=9), stream="probe-9", causation_id=uuid4())
    with pytest.raises(SystemExit):
        call_command("checklist", stdout=io.StringIO())
