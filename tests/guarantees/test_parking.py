"""Invariant 5: what holds a key back, for how long, and what it must not hold back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection, transaction

from flowdeck import Delivery as Delivered
from flowdeck import Retry, Snooze, publish
from flowdeck.declare.registry import registry, slot_of
from flowdeck.engine import batch, drain, lanes, sweep
from flowdeck.letters import dead_letters
from flowdeck.models import Attempt, Delivery, Lane
from flowdeck.observe import overview
from flowdeck.observe.states import derive
from flowdeck.testing import settle
from tests.deliveries import change
from tests.probe import processors
from tests.probe.events import Keyed, Probed
from tests.probe.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)


def handled(processor: str = "probe.atomic") -> list[tuple[str, int]]:
    """Stream and sequence of what was handled, in order."""
    effects = Effect.objects.filter(processor=processor).order_by("id")
    return list(effects.values_list("stream", "sequence"))


def retry_later(stream: str) -> Delivery:
    """Let the first delivery of the stream wait for a retry in a minute."""
    first = Delivery.objects.filter(processor="probe.atomic", key=stream).order_by("event_id")[0]
    due_at = datetime.now(UTC) + timedelta(minutes=1)
    change(Delivery.objects.filter(pk=first.pk), state="retrying", attempts=1, due_at=due_at)
    return Delivery.objects.get(pk=first.pk)


def test_a_retry_is_not_run_before_its_time_and_holds_its_key_until_then() -> None:
    publish(Probed(n=1), Probed(n=2), stream="held")
    publish(Probed(n=3), stream="free")
    waiting = retry_later("held")
    drain.drain_all()
    assert handled() == [("free", 1)]
    due_at = datetime.now(UTC) - timedelta(seconds=1)
    change(Delivery.objects.filter(pk=waiting.pk), due_at=due_at)
    drain.drain_all()
    assert handled() == [("free", 1), ("held", 1), ("held", 2)]


def test_the_sweep_sees_a_retry_when_it_is_due_and_not_before() -> None:
    publish(Probed(n=1), stream="alone")
    retry = retry_later("alone")
    assert "probe.atomic" not in sweep.due_processors()
    due_at = datetime.now(UTC) - timedelta(seconds=1)
    change(Delivery.objects.filter(pk=retry.pk), due_at=due_at)
    assert "probe.atomic" in sweep.due_processors()


def test_a_failed_attempt_waits_as_long_as_its_retry_says() -> None:
    patient = replace(
        registry.processor("probe.atomic"), retry=Retry(base=60.0, cap=60.0, jitter=False)
    )
    publish(Probed(n=1, fails=1, by="probe.atomic"), stream="probe-1")
    drain.drain(patient)
    delivery = Delivery.objects.get(processor="probe.atomic")
    assert delivery.due_at is not None
    assert 50 < (delivery.due_at - datetime.now(UTC)).total_seconds() <= 60
    assert handled() == []


def test_many_held_back_deliveries_do_not_hide_a_free_one_behind_them() -> None:
    """All in one lane, and more of them than a batch looks at."""
    lane = slot_of("held") // 64
    neighbour = next(name for n in count() if slot_of(name := f"free-{n}") // 64 == lane)
    publish(*[Probed(n=n) for n in range(30)], stream="held")
    publish(Probed(n=99), stream=neighbour)
    retry_later("held")
    claim = lanes.claim(registry.processor("probe.atomic"), 4)
    assert claim is not None
    batch.run(registry.processor("probe.atomic"), claim, 2)
    assert handled() == [(neighbour, 1)]


def test_lanes_in_which_all_is_held_back_neither_block_others_nor_keep_a_drain_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"held-{n}" for n in range(12)]
    for name in names:
        publish(Probed(n=1), Probed(n=2), stream=name)
        retry_later(name)
    lane = {slot_of(name) // 64 for name in names}
    free = next(name for n in count() if slot_of(name := f"free-{n}") // 64 not in lane)
    publish(Probed(n=1), stream=free)
    claims: list[object] = []
    real = lanes.claim

    def claim(*args: Any) -> Any:
        claims.append(args)
        assert len(claims) < 50  # it would go on like this until its time is up
        return real(*args)

    monkeypatch.setattr(lanes, "claim", claim)
    drain.drain(registry.processor("probe.atomic"), seconds=30)
    assert handled() == [(free, 1)]


def test_a_snooze_uses_up_no_attempt() -> None:
    processors.snoozed.clear()
    publish(Keyed(owner="ada", n=1), stream="thing-1")
    settle()
    assert processors.snoozed.total() == 2
    assert Effect.objects.get(processor="probe.snoozing").attempt == 1
    assert not Attempt.objects.exists()


def test_what_its_handler_puts_off_sleeps_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It holds its key back, disturbs nobody of its batch, and nobody calls it a retry."""
    publish(Keyed(owner="ada", n=2), Keyed(owner="ada", n=4), stream="thing-1")
    publish(Keyed(owner="bob", n=6), stream="thing-1")

    def put_off(event: Keyed, delivery: Delivered) -> None:
        if event.n == 2:
            raise Snooze(60)
        processors.effect(delivery).save()

    sleepy = replace(registry.processor("probe.snoozing"), handler=put_off)
    drain.drain(sleepy)
    found = list(Delivery.objects.filter(processor=sleepy.name).order_by("event_id"))
    assert [(one.state, one.attempts) for one in found] == [
        ("sleeping", 0),
        ("pending", 0),
        ("done", 1),
    ]
    assert [one.state for one in derive(found).values()] == ["sleeping", "parked", "done"]
    (row,) = (one for one in overview.processors() if one.name == sleepy.name)
    assert (row.waiting, row.sleeping, row.retrying) == (2, 1, 0)
    assert row.oldest_at == found[1].event.recorded_at, "what sleeps is late for nothing"
    assert not Attempt.objects.exists()
    settle()
    assert [sequence for _, sequence in handled(sleepy.name)] == [3, 1, 2]


def test_a_rejection_is_final() -> None:
    publish(Probed(n=1, rejects="probe.atomic"), stream="probe-1")
    settle()
    delivery = Delivery.objects.get(processor="probe.atomic")
    assert (delivery.state, delivery.attempts) == ("dead", 1)
    assert delivery.failures.get().outcome == "rejected"


@contextmanager
def waiting(resolve: Callable[[], object]) -> Iterator[None]:
    """Another operator's action, which has to wait until the transaction of this block is over."""

    def act() -> None:
        try:
            resolve()
        finally:
            connection.close()

    thread = threading.Thread(target=act)
    with transaction.atomic():
        yield
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def dead() -> Delivery:
    """A dead letter."""
    publish(Probed(n=1, rejects="probe.atomic"), stream="probe-1")
    settle()
    return Delivery.objects.get(state="dead")


def test_of_two_operators_at_the_same_moment_one_decides(dead: Delivery) -> None:
    counts: list[int] = []
    with waiting(lambda: counts.append(dead_letters.retry([dead.letter], by="second"))):
        counts.append(dead_letters.discard([dead.letter], by="first", reason="mine"))
    assert counts == [1, 0]
    dead.refresh_from_db()
    assert dead.state == "discarded"


@pytest.mark.postgres  # SQLite has one writer at a time anyway
def test_nothing_becomes_due_in_a_lane_that_somebody_works_on(dead: Delivery) -> None:
    with waiting(lambda: dead_letters.retry([dead.letter], by="operator")):
        list(Lane.objects.select_for_update().filter(processor="probe.atomic"))
    dead.refresh_from_db()
    assert dead.state == "pending"
