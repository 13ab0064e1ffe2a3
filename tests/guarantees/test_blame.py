"""Whose fault it is: a handler pays for its own mistakes, and for nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.utils import ConnectionHandler

from flowdeck import Delivery as Delivered
from flowdeck import Snooze, publish, telemetry
from flowdeck.conf import conf
from flowdeck.declare.registry import registry
from flowdeck.declare.retry import MOST_ATTEMPTS, Retry
from flowdeck.engine import attempt, careful, drain, faults, sweep
from flowdeck.errors import LONGEST_WAIT
from flowdeck.models import Attempt, Delivery, Event, Lane
from flowdeck.sql import dialect
from flowdeck.testing import settle
from tests.deliveries import change
from tests.guarantees import leases
from tests.polling import eventually
from tests.probe import processors
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ["probe.atomic", "probe.leased", "probe.batch"]
Does = Callable[[], None]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """A processor of each way to run a handler, with one due delivery that emits an event."""
    publish(Probed(n=1, echoes=1), stream="probe-1")
    return str(request.param)


def let(monkeypatch: pytest.MonkeyPatch, kind: str, does: Does, *, times: int = 1) -> list[int]:
    """Let the handler do this the first ``times`` that it is called; the calls so far."""
    calls: list[int] = []

    def behave(event: Probed, delivery: Delivered) -> None:
        if delivery.processor == kind:
            calls.append(1)
            if len(calls) <= times:
                does()

    monkeypatch.setattr(processors, "behave", behave)
    return calls


def delivery_of(kind: str) -> Delivery:
    return Delivery.objects.filter(processor=kind).earliest("event_id")


def assert_nobody_is_blamed(kind: str) -> None:
    delivery = delivery_of(kind)
    assert (delivery.state, delivery.attempts) == ("done", 1)
    assert not Attempt.objects.exists()
    assert Event.objects.filter(type="Echoed", producer=kind).count() == 1


@contextmanager
def another_database(path: Path) -> Iterator[Does]:
    """A second database of Django's, which somebody has locked: what asks it in vain."""
    options = {"timeout": 0.01}
    other = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "OPTIONS": options}
    second = ConnectionHandler({"default": other, "second": other})["second"]
    with sqlite3.connect(path, isolation_level=None) as locker:
        locker.execute("BEGIN EXCLUSIVE")

        def ask() -> None:
            with second.cursor() as cursor:
                cursor.execute("CREATE TABLE kept (n int)")

        yield ask
        locker.execute("ROLLBACK")
    second.close()


def test_a_second_database_that_is_away_is_the_handlers_own_affair(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with another_database(tmp_path / "other.sqlite3") as ask:
        let(monkeypatch, kind, ask, times=99)
        settle()
    delivery = delivery_of(kind)
    assert (delivery.state, delivery.attempts) == ("dead", 3)
    assert set(delivery.failures.values_list("outcome", "error")) == {
        ("failed", "OperationalError")
    }


def test_a_librarys_interface_error_is_the_handlers_own_affair(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_it() -> None:
        raise InterfaceError("the cursor is closed")

    let(monkeypatch, kind, raise_it, times=99)
    settle()
    assert delivery_of(kind).failures.filter(error="InterfaceError").count() == 3


@pytest.mark.postgres
def test_what_a_handler_makes_of_a_lost_connection_is_not_held_against_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_it() -> None:
        try:
            end_own_session()
        except OperationalError as error:
            raise ValueError("the stock can't be counted") from error

    let(monkeypatch, kind, lose_it)
    drain.drain(registry.processor(kind))
    drain.drain(registry.processor(kind))
    assert_nobody_is_blamed(kind)


def end_own_session() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.postgres
def test_a_handler_that_always_ends_its_connection_is_buried_with_what_was_raised(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(careful, "_SURELY_DEAD", careful.timedelta(0))
    let(monkeypatch, kind, end_own_session, times=99)
    for _ in range(conf().CRASHES + 4):
        drain.drain(registry.processor(kind))
    delivery = delivery_of(kind)
    assert delivery.state == "dead"
    failure = delivery.failures.get()
    assert (failure.outcome, failure.error) == ("died", "WorkerDied")
    assert "terminating connection" in failure.message
    assert "pg_terminate_backend" in failure.traceback


@contextmanager
def stream_held(name: str) -> Iterator[Does]:
    """Somebody's transaction has appended to the stream and stays open; call it to end that."""
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                publish(Probed(), stream=name)
                held.set()
                over.wait(60)
                transaction.set_rollback(True)
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(30)

    def end() -> None:
        over.set()
        holder.join(30)

    try:
        yield end
    finally:
        end()


@contextmanager
def impatient(setting: str) -> Iterator[None]:
    """Statements of this thread's connections end after a moment of waiting."""
    options = connection.settings_dict["OPTIONS"]
    connection.close()
    options["options"] = f"-c {setting}=250ms"
    try:
        yield
    finally:
        connection.close()
        del options["options"]


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        ("probe.atomic", "lock_timeout"),
        ("probe.leased", "statement_timeout"),
        ("probe.batch", "lock_timeout"),
    ],
)
def test_an_append_that_takes_too_long_costs_the_handler_nothing(
    kind: str, setting: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "CRASHES": 1}
    publish(Probed(n=1, echoes=1), stream="probe-1")
    calls = let(monkeypatch, kind, lambda: None)
    faults_so_far: list[telemetry.InfrastructureFault] = []

    def count(fault: telemetry.InfrastructureFault) -> None:
        faults_so_far.append(fault)
        if len(faults_so_far) == conf().CRASHES + 4:  # more than would bury it
            end()

    telemetry.subscribe(telemetry.InfrastructureFault, count)
    try:
        with stream_held("probe-1") as end, impatient(setting):
            while delivery_of(kind).state != "done":
                drain.drain(registry.processor(kind))
    finally:
        telemetry.unsubscribe(telemetry.InfrastructureFault, count)
    assert len(faults_so_far) >= conf().CRASHES + 4
    assert_nobody_is_blamed(kind)
    if kind == "probe.leased":
        assert len(calls) == 1


@pytest.mark.postgres
def test_a_call_that_succeeded_is_not_made_again_because_the_idle_connection_was_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(Probed(n=1, echoes=1), stream="probe-1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (idle,) = cursor.fetchone()

    def call_for_so_long_that_somebody_closes_it() -> None:
        with psycopg.connect(**connection.get_connection_params()) as proxy:
            proxy.execute("SELECT pg_terminate_backend(%s, 30000)", [idle])

    calls = let(monkeypatch, "probe.leased", call_for_so_long_that_somebody_closes_it)
    assert drain.drain(registry.processor("probe.leased")) == 1
    assert len(calls) == 1
    assert_nobody_is_blamed("probe.leased")


def test_a_call_that_succeeded_is_not_made_again_because_its_results_could_not_be_kept_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(Probed(n=1, echoes=1), stream="probe-1")
    calls, real, busy = (
        let(monkeypatch, "probe.leased", lambda: None),
        dialect().lock_leased,
        [1, 2],
    )

    def lock(*arguments: Any) -> Any:
        if busy and busy.pop():
            raise OperationalError("database is locked")
        return real(*arguments)

    monkeypatch.setattr(dialect(), "lock_leased", lock)
    assert drain.drain(registry.processor("probe.leased")) == 1
    assert len(calls) == 1
    assert_nobody_is_blamed("probe.leased")


def test_what_was_answered_before_a_fault_in_the_same_batch_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drain._Pace._fast.add("probe.leased")  # so that it gets several at once
    publish(*[Probed(n=n) for n in range(3)], stream="probe-1")
    called: list[int] = []

    def behave(event: Probed, delivery: object) -> None:
        called.append(event.n)
        if called == [0, 1]:
            with connection.cursor(), connection.wrap_database_errors:
                raise_locked()

    monkeypatch.setattr(processors, "behave", behave)
    for _ in range(2):
        drain.drain(registry.processor("probe.leased"))
        leases.run_out()
    assert called == [0, 1, 1, 2]
    assert not Attempt.objects.exists()


def raise_locked() -> None:
    """What the driver at hand raises in a deadlock."""
    if connection.vendor == "sqlite":
        raise sqlite3.OperationalError("database is locked")
    raise psycopg.errors.DeadlockDetected("deadlock detected")


EXITS: dict[str, BaseException] = {
    "SystemExit": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "CancelledError": asyncio.CancelledError("the other side went away"),
    "GeneratorExit": GeneratorExit(),
    "SoftTimeLimitExceeded": SoftTimeLimitExceeded(),
}


@pytest.mark.parametrize("name", EXITS)
def test_what_would_end_the_process_is_a_failed_attempt(
    kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave_unexpectedly() -> None:
        raise EXITS[name]

    # A batch is tried as a whole first, an atomic handler in a batch: that costs nothing.
    calls = let(monkeypatch, kind, leave_unexpectedly, times=1 if kind == "probe.leased" else 2)
    drain.drain(registry.processor(kind))
    settle()
    delivery = delivery_of(kind)
    assert (delivery.state, delivery.attempts) == ("done", 2)
    failure = delivery.failures.get()
    assert (failure.outcome, failure.error) == ("failed", name)
    assert "leave_unexpectedly" in failure.traceback
    assert len(calls) > 1


def test_code_around_a_handler_can_not_end_the_process_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Upcasters and validators, ``Retry(on=...)``, and whoever listens to telemetry."""

    def leave(*_: object) -> Any:
        raise SystemExit(3)

    monkeypatch.setattr(attempt, "load", leave)
    hesitant = Retry(max_attempts=2, base=0.0, on={SystemExit: leave})
    batch = replace(registry.processor("probe.batch"), retry=hesitant)
    monkeypatch.setitem(registry.processors, "probe.batch", batch)
    telemetry.subscribe(telemetry.Settled, leave)
    try:
        publish(Probed(n=1), stream="probe-1")
        for name in ("probe.atomic", "probe.leased", "probe.batch"):
            drain.drain(registry.processor(name))
    finally:
        telemetry.unsubscribe(telemetry.Settled, leave)
    for name in ("probe.atomic", "probe.leased", "probe.batch"):
        assert delivery_of(name).failures.latest("number").error == "SystemExit", name


def test_a_handler_that_is_a_generator_fails_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its body runs while its events are taken: a TypeError in it is its own."""
    publish(Probed(n=1), stream="probe-1")

    def mistake() -> None:
        raise TypeError("unsupported operand")

    let(monkeypatch, "probe.leased", mistake, times=99)
    settle()
    assert delivery_of("probe.leased").failures.latest("number").message == "unsupported operand"


def test_whoever_sits_at_the_terminal_can_end_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise faults.Interrupted

    let(monkeypatch, kind, interrupt)
    with pytest.raises(KeyboardInterrupt):
        drain.drain(registry.processor(kind))
    connection.close()
    leases.run_out()
    settle()
    assert_nobody_is_blamed(kind)


@pytest.mark.parametrize("error", [SystemExit(1), RuntimeError("a mistake of ours")])
def test_the_sweep_goes_on_whatever_is_raised_in_it(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty() -> list[str]:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(sweep, "due_processors", faulty)
        assert sweep.Sweeper().tick() is False


def test_a_process_without_its_sweeper_says_so_and_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(sweep.os, "kill", lambda *sent: signals.append(sent))
    monkeypatch.setattr(sweep, "_sweeper", None)

    def dies(self: object) -> bool:
        raise SystemExit

    monkeypatch.setattr(sweep.Sweeper, "tick", dies)
    sweeper = sweep.start()
    eventually(lambda: not sweeper.is_alive())
    assert signals == [(os.getpid(), signal.SIGTERM)]
    assert "The sweeper of" in caplog.text
    sweep.look_after_sweeper()  # as each bell does
    assert len(signals) == 2


def test_a_sweeper_that_was_stopped_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(sweep.os, "kill", lambda *sent: signals.append(sent))
    monkeypatch.setattr(sweep, "_sweeper", None)
    sweeper = sweep.start()
    sweeper.stop()
    sweeper.join(30)
    sweep.look_after_sweeper()
    assert not signals


def test_a_mistake_of_ours_is_noted_on_the_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(Probed(n=1), stream="probe-1")

    def mistake(*_: object) -> None:
        raise LookupError("a mistake of ours")

    monkeypatch.setattr(dialect(), "mark", mistake)
    with pytest.raises(LookupError):
        drain.drain(registry.processor("probe.atomic"))
    noted = Lane.objects.exclude(last_exception="")
    assert [lane.last_exception.rstrip().endswith("a mistake of ours") for lane in noted] == [True]


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), 1e13, "60"], ids=str)
def test_a_snooze_that_can_not_be_kept_is_the_handlers_failure(
    seconds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put_off() -> None:
        raise Snooze(seconds)

    publish(Probed(n=1), stream="probe-1")
    let(monkeypatch, "probe.leased", put_off)
    drain.drain(registry.processor("probe.leased"))
    failure = delivery_of("probe.leased").failures.get()
    assert failure.error == "HandlerContractError"
    assert f"Snooze({seconds!r})" in failure.message


def test_the_longest_snooze_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def put_off() -> None:
        raise Snooze(LONGEST_WAIT)

    publish(Probed(n=1), stream="probe-1")
    let(monkeypatch, "probe.leased", put_off)
    drain.drain(registry.processor("probe.leased"))
    delivery = delivery_of("probe.leased")
    assert (delivery.state, delivery.attempts) == ("sleeping", 0)


def test_a_letter_that_was_retried_more_often_than_a_row_can_count_goes_on() -> None:
    publish(Probed(n=1), stream="probe-1")
    change(Delivery.objects.all(), attempts=MOST_ATTEMPTS)
    settle()
    delivery = delivery_of("probe.leased")
    assert (delivery.state, delivery.attempts) == ("done", MOST_ATTEMPTS)
