"""A handler that hangs is ended, its attempt says so, and nobody else is harmed."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from flowdeck import Delivery as Delivered
from flowdeck import Retry, publish
from flowdeck.declare.registry import Processor, registry
from flowdeck.engine import drain, watchdog
from flowdeck.errors import RegistrationError
from flowdeck.models import Delivery
from tests.guarantees.forked import in_a_process
from tests.probe import processors
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
KINDS = ["probe.atomic", "probe.leased"]


def sleeps() -> None:
    time.sleep(60)


def computes() -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        pass


def backtracks() -> None:
    """Native code that lets no other thread run: not the one that watches either."""
    re.match("(a+)+$", "a" * 28 + "b")


def asks_the_database() -> None:
    if connection.vendor == "postgresql":
        statement = "SELECT pg_sleep(60)"
    else:
        statement = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
        )
    with connection.cursor() as cursor:
        cursor.execute(statement)


def hears_nothing() -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            time.sleep(0.05)
        except BaseException:
            continue


def hanging(monkeypatch: pytest.MonkeyPatch, kind: str, hang: Callable[[], None]) -> Processor:
    """The processor with a time-out, whose handler hangs at n=2."""

    def behave(event: Probed, delivery: Delivered) -> None:
        if delivery.processor == kind and event.n == 2:
            hang()

    monkeypatch.setattr(processors, "behave", behave)
    once = Retry(max_attempts=1)
    return replace(registry.processors[kind], timeout=0.3, retry=once)


def assert_it_alone_failed(kind: str) -> None:
    dead = Delivery.objects.get(processor=kind, state="dead")
    assert dead.event.data["n"] == 2
    failure = dead.failures.get()
    assert failure.error == "HandlerTimedOut"
    assert "was not done in 0.3 s" in failure.message
    assert Delivery.objects.filter(processor=kind, state="done").count() == 2


@pytest.mark.crowd
@pytest.mark.parametrize("hang", [sleeps, computes, backtracks, asks_the_database])
@pytest.mark.parametrize("kind", KINDS)
def test_what_hangs_is_ended_and_its_neighbours_are_done(
    kind: str, hang: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    declared, threads = hanging(monkeypatch, kind, hang), threading.active_count()
    for n in (1, 2, 3):
        publish(Probed(n=n), stream=f"hang-{n}")
    while drain.drain(declared):
        pass
    assert_it_alone_failed(kind)
    assert threading.active_count() < threads + 3, "no watcher is left for each handler"


@pytest.mark.crowd
def test_in_a_thread_of_others_it_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = hanging(monkeypatch, "probe.leased", computes)
    for n in (1, 2, 3):
        publish(Probed(n=n), stream=f"hang-{n}")

    def work() -> None:
        try:
            while drain.drain(declared):
                pass
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert_it_alone_failed("probe.leased")


@pytest.mark.parametrize(
    "kind", [pytest.param("probe.atomic", marks=pytest.mark.postgres), "probe.leased"]
)
def test_what_hears_nothing_ends_with_its_process_and_its_attempt_says_so(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "END_AFTER", 1.0)
    declared = hanging(monkeypatch, kind, hears_nothing)
    for n in (1, 2, 3):
        publish(Probed(n=n), stream=f"hang-{n}")

    def work() -> None:
        while drain.drain(declared):
            pass

    codes = [in_a_process(work) for _ in range(2)]
    assert watchdog.TIMED_OUT in codes
    while drain.drain(declared):
        pass
    assert_it_alone_failed(kind)


@pytest.mark.parametrize("timeout", [0, -1, 100_000, float("nan")])
def test_a_time_out_that_can_not_work_is_refused(timeout: Any) -> None:
    from flowdeck.declare.subscribing import declare

    with pytest.raises(RegistrationError, match="timeout must be"):
        declare("x", lambda event: None, timeout=timeout)
