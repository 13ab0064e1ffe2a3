"""``manage.py verify`` finds each kind of violation when one is planted."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.db.models import F

from flowdeck import publish
from flowdeck.declare.registry import registry, slot_of
from flowdeck.history.rebuild import rebuild
from flowdeck.models import Attempt, Delivery, Done, Due, Event, Lane, Stream
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.deliveries import change, remove, store
from tests.probe.events import Probed
from tests.probe.models import Tally

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def history() -> None:
    """Good events, a dead letter and what is parked behind it."""
    publish(Probed(n=1, echoes=2), Probed(n=2), stream="probe-1")
    publish(Probed(n=3, rejects="probe.atomic"), stream="probe-2")
    publish(Probed(n=4), stream="probe-2")
    settle()


def forged_cause() -> None:
    """An event whose cause is in no trace."""
    publish(Probed(n=9), stream="probe-9", causation_id=uuid4())


def cause_of_another_trace() -> None:
    """An event that names a cause which belongs to something else."""
    cause = Event.objects.order_by("position")[0]
    publish(Probed(n=9), stream="probe-9", causation_id=cause.id, correlation_id=uuid4())


def skipped_number() -> None:
    """As many events as the head says, but one with a number that is not its own."""
    first = Event.objects.filter(stream="probe-1").order_by("-sequence")[0]
    first.pk, first.id, first.sequence = None, uuid4(), first.sequence + 2
    first.save(force_insert=True)
    Stream.objects.filter(name="probe-1").update(head=F("head") + 1)


def emitted_too_early() -> None:
    """A delivery that is undone although its events are there."""
    change(
        Delivery.objects.filter(processor="probe.atomic", event__stream="probe-1"), state="pending"
    )


PLANTED: dict[str, tuple[Callable[[], object], str]] = {
    "a head too far": (lambda: Stream.objects.filter(name="probe-1").update(head=99), "head is 99"),
    "a head without events": (
        lambda: Stream.objects.create(name="ghost", head=1),
        "stream ghost: head is 1",
    ),
    "events without a head": (
        lambda: Stream.objects.filter(name="probe-1").delete(),
        "stream probe-1: head is None",
    ),
    "a number left out": (skipped_number, "stream probe-1: head is "),
    "a delivery of nothing": (
        lambda: store(
            event_id=10**9, processor="probe.tally", key="x", slot=slot_of("x"), state="done"
        ),
        "event 1000000000, which does not exist",
    ),
    "a lost delivery": (
        lambda: remove(Delivery.objects.filter(processor="probe.tally", event__sequence=2)),
        "has no delivery for probe.tally",
    ),
    "a delivery that is due and done": (
        lambda: Due.objects.create(
            event=Done.objects.filter(processor="probe.tally")[0].event,
            processor="probe.tally",
            key="probe-1",
            slot=slot_of("probe-1"),
        ),
        "two deliveries of event",
    ),
    "an unknown state": (
        lambda: change(Delivery.objects.filter(processor="probe.tally"), state="lost"),
        "unknown state 'lost'",
    ),
    "a retry never due": (
        lambda: change(
            Delivery.objects.filter(processor="probe.tally"), state="retrying", due_at=None
        ),
        "without a time to be due",
    ),
    "a wrong slot": (
        lambda: change(Delivery.objects.filter(processor="probe.tally"), state="pending", slot=1),
        "the key belongs to",
    ),
    "a missing lane": (
        lambda: Lane.objects.filter(processor="probe.atomic").delete(),
        "no lane covers slot",
    ),
    "overlapping lanes": (
        lambda: Lane.objects.filter(processor="probe.atomic", first_slot=0).update(last_slot=99),
        "overlap",
    ),
    "a read model that tells something else": (
        lambda: Tally.objects.filter(stream="probe-1").update(count=77),
        "probe.Tally",
    ),
    "a read model that has forgotten something": (
        lambda: Tally.objects.filter(stream="probe-1").delete(),
        "probe.Tally",
    ),
    "a read model that knows more than the log": (
        lambda: Tally.objects.create(stream="never", count=1),
        "probe.Tally",
    ),
    "a processor that is gone": (
        lambda: change(
            Delivery.objects.filter(processor="probe.tally"), state="pending", processor="gone"
        ),
        "no installed app declares",
    ),
    "a forged cause": (forged_cause, "not an earlier event of its trace"),
    "a cause of another trace": (cause_of_another_trace, "not an earlier event of its trace"),
    "an effect of unfinished work": (emitted_too_early, "whose delivery is pending"),
    "a dead letter without a reason": (
        lambda: Attempt.objects.all().delete(),
        "has no attempt with an error",
    ),
    "an event overtaken": (
        lambda: change(
            Delivery.objects.filter(processor="probe.batch", event__sequence=1), state="pending"
        ),
        "while an earlier one still waits",
    ),
}


@pytest.mark.usefixtures("history")
def test_a_healthy_database_has_no_violations() -> None:
    assert list(verify()) == []
    out = io.StringIO()
    call_command("verify", stdout=out)
    assert "0 violations" in out.getvalue()


@pytest.mark.usefixtures("history")
def test_a_project_without_projections_is_verified_too(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {name: one for name, one in registry.processors.items() if not one.replayable}
    monkeypatch.setattr(registry, "processors", others)
    remove(Delivery.objects.exclude(processor__in=others))
    rebuild()
    assert list(verify()) == []


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(("plant", "finding"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_violation_is_found(plant: Callable[[], object], finding: str) -> None:
    plant()
    assert any(finding in violation.detail for violation in verify())
    out = io.StringIO()
    with pytest.raises(SystemExit) as exited:
        call_command("verify", "--json", stdout=out)
    assert exited.value.code == 1
    report = json.loads(out.getvalue())
    assert not report["ok"]
    assert any(finding in text for each in report["checks"] for text in each["violations"])


@pytest.mark.usefixtures("history")
def test_a_second_delivery_is_refused_by_the_database_itself() -> None:
    one = Done.objects.filter(processor="probe.tally")[0]
    with pytest.raises(IntegrityError), transaction.atomic():
        one.save(force_insert=True)
