"""Invariant 4: a handler may be invoked again, its effects never count twice.

A crash is simulated between every pair of steps of a batch by raising what no handler of errors in
the engine catches; real killed processes are in ``test_nothing_lost.py`` and in the drill.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import OperationalError

from flowdeck import publish
from flowdeck.declare.registry import registry, slot_of
from flowdeck.engine import attempt, batch, drain, lanes, leases, settling
from flowdeck.log import publishing
from flowdeck.models import Attempt, Delivery, Event
from flowdeck.sql import dialect
from flowdeck.testing import settle
from tests.guarantees.leases import run_out
from tests.probe import processors
from tests.probe.events import Keyed, Probed
from tests.probe.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)

STEPS: dict[str, tuple[Any, str]] = {
    "claim the lanes": (lanes, "claim"),
    "lock the lanes and read what is due": (batch, "take"),
    "read what is due of leased lanes": (batch, "fetch"),
    "lock the leased lanes": (leases, "lock"),
    "run one handler": (batch, "attempt"),
    "run a batch handler": (batch, "attempt_together"),
    "append what was emitted": (settling, "append"),
    "write to the log": (dialect(), "append"),
    "mark the deliveries": (dialect(), "mark"),
    "finish the batch": (batch, "finish"),
    "tell the listeners": (batch, "tell"),
}
KINDS = ["probe.atomic", "probe.leased", "probe.batch"]
NOT_STEPS_OF = {
    "probe.atomic": {
        "read what is due of leased lanes",
        "lock the leased lanes",
        "run a batch handler",
    },
    "probe.batch": {
        "read what is due of leased lanes",
        "lock the leased lanes",
        "run one handler",
    },
    "probe.leased": {"lock the lanes and read what is due", "run a batch handler"},
}


class Crash(BaseException):
    """The process ends here."""


def crash_at(
    monkeypatch: pytest.MonkeyPatch, where: tuple[Any, str], call: int, *, after: bool
) -> None:
    """Let the ``call``-th call of the step end the process, before or after doing its work."""
    module, name = where
    real: Callable[..., Any] = getattr(module, name)
    calls = 0

    def step(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and not after:
            raise Crash
        result = real(*args, **kwargs)
        if calls == call:
            raise Crash
        return result

    monkeypatch.setattr(module, name, step)


def assert_all_happened_once(events: int, echoes: int) -> None:
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}
    per_effect = Counter(Effect.objects.values_list("processor", "position"))
    assert set(per_effect.values()) == {1}
    for name in ("probe.atomic", "probe.batch"):
        assert Effect.objects.filter(processor=name).count() == events
    for name in KINDS:
        emitted = Event.objects.filter(type="Echoed", producer=name)
        assert emitted.count() == events * echoes


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("kind", "step"),
    [(kind, step) for kind in KINDS for step in STEPS if step not in NOT_STEPS_OF[kind]],
)
def test_a_crash_anywhere_in_a_batch_doubles_nothing(
    step: str, kind: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(*[Probed(n=n, echoes=1) for n in range(4)], stream="probe-1")
    with monkeypatch.context() as patched:
        crash_at(patched, STEPS[step], 1, after=after)
        with pytest.raises(Crash):
            drain.drain(registry.processor(kind))
        connection.close()  # as the end of the process would
    run_out()
    settle()
    assert_all_happened_once(events=4, echoes=1)


def test_one_that_raises_before_any_statement_disturbs_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing of it is in the transaction: the others are not undone and called again."""
    of_one_lane = (f"owner-{n}" for n in range(10_000) if slot_of(f"owner-{n}") < 64)
    owners = list(islice(of_one_lane, 6))
    publish(*[Keyed(owner=owner, n=n) for n, owner in enumerate(owners)], stream="k")
    called: Counter[int] = Counter()
    real = processors.effect

    def counting(delivery: Any) -> Effect:
        called[delivery.envelope.position] += 1
        return real(delivery)

    monkeypatch.setattr(processors, "effect", counting)
    settle()
    assert sorted(called.values()) == [1] * 6
    assert Effect.objects.filter(processor="probe.snoozing").count() == 6
    assert not Attempt.objects.exists()


def test_the_late_worker_can_not_commit_after_its_lease_ran_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(Probed(n=1, echoes=1), stream="probe-1")
    real = attempt.attempt

    def overtaken(processor: Any, due: Any) -> Any:
        outcome = real(processor, due)
        monkeypatch.setattr(batch, "attempt", real)
        run_out()
        drain.drain(processor)  # another worker takes the lane and does the work
        return outcome

    monkeypatch.setattr(batch, "attempt", overtaken)
    drain.drain(registry.processor("probe.leased"))
    assert Event.objects.filter(type="Echoed", producer="probe.leased").count() == 1
    delivery = Delivery.objects.get(processor="probe.leased")
    assert (delivery.state, delivery.attempts) == ("done", 1)


def test_a_raising_handler_in_a_batch_costs_only_itself() -> None:
    for n in range(10):
        fails = 99 if n == 5 else 0
        publish(Probed(n=n, fails=fails, by="probe.batch", echoes=1), stream=f"probe-{n}")
    settle()
    states = Counter(Delivery.objects.filter(processor="probe.batch").values_list("state"))
    assert states == {("done",): 9, ("dead",): 1}
    assert Effect.objects.filter(processor="probe.batch").count() == 9
    assert Event.objects.filter(type="Echoed", producer="probe.batch").count() == 9


def test_a_retried_handler_counts_once() -> None:
    publish(Probed(n=1, fails=2, echoes=1), stream="probe-1")
    settle()
    assert Effect.objects.get(processor="probe.atomic").attempt == 3
    assert Event.objects.filter(type="Echoed", producer="probe.atomic").count() == 1


def test_the_idempotency_key_is_the_same_on_every_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys: list[tuple[str, int]] = []
    real = attempt._delivery

    def noted(*given: Any) -> Any:
        delivery = real(*given)
        keys.append((delivery.idempotency_key, delivery.attempt))
        return delivery

    monkeypatch.setattr(attempt, "_delivery", noted)
    publish(Probed(n=1, fails=2, by="probe.leased"), stream="probe-1")
    settle()
    leased = [(key, number) for key, number in keys if key.startswith("probe.leased")]
    assert [number for _, number in leased] == [1, 2, 3]
    assert len({key for key, _ in leased}) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_infrastructure_faults_use_up_no_attempt(
    number: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deadlocks in a row, of which PostgreSQL would choose this transaction as the victim."""
    publish(Probed(n=1), stream="probe-1")
    real, faults = batch.finish, iter(range(number))

    def unlucky(processor: Any, outcomes: Any) -> Any:
        if next(faults, None) is not None:
            raise deadlock()
        return real(processor, outcomes)

    monkeypatch.setattr(batch, "finish", unlucky)
    for _ in range(4):
        drain.drain(registry.processor(kind))
        run_out()
    delivery = Delivery.objects.get(processor=kind)
    assert (delivery.state, delivery.attempts) == ("done", 1)
    assert not delivery.failures.exists()


def deadlock() -> OperationalError:
    """A deadlock as the database at hand reports it."""
    if connection.vendor == "sqlite":
        return OperationalError("database is locked")
    error = OperationalError("deadlock detected")
    cause = Exception()
    cause.sqlstate = "40P01"  # type: ignore[attr-defined]
    error.__cause__ = cause
    return error


def test_what_is_emitted_goes_with_the_callers_savepoint() -> None:
    with transaction.atomic():
        publishing.publish(Probed(n=1), stream="probe-1")
        sid = transaction.savepoint()
        publishing.publish(Probed(n=2), stream="probe-1")
        transaction.savepoint_rollback(sid)
        publishing.publish(Probed(n=3), stream="probe-1")
    assert list(Event.objects.values_list("sequence", flat=True)) == [1, 2]
    assert list(Event.objects.values_list("data__n", flat=True)) == [1, 3]
