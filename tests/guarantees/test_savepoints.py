"""Invariant 2 within a handler: rows and events that are rolled back together share their fate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest
from django.db import connection, transaction

from flowdeck import Delivery, publish
from flowdeck.declare.registry import registry
from flowdeck.models import Attempt, Event
from flowdeck.testing import settle
from tests.probe import processors
from tests.probe.events import Echoed, Probed
from tests.probe.models import Tally

pytestmark = pytest.mark.django_db(transaction=True)

Collect = Callable[[Delivery, str], object]


class Stopped(Exception):
    """The block is rolled back, and the handler goes on."""


@contextmanager
def a_block(*, undone: bool) -> Iterator[None]:
    """An atomic block of a handler."""
    try:
        with transaction.atomic():
            yield
            if undone:
                raise Stopped
    except Stopped:
        pass


def published(delivery: Delivery, stream: str) -> None:
    publish(Echoed(n=1, by="savepoint"), stream=stream, expected_sequence=0)


def emitted(delivery: Delivery, stream: str) -> None:
    delivery.emit(Echoed(n=1, by="savepoint"), stream=stream, expected_sequence=0)


def streams_of(rows: object) -> set[str]:
    return {name for name in rows.values_list("stream", flat=True) if "probe" not in name}  # type: ignore[attr-defined]


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(
    ("kind", "collect"),
    [
        ("probe.atomic", published),
        ("probe.atomic", emitted),
        ("probe.leased", published),
        ("probe.leased", emitted),
        ("probe.batch", emitted),
    ],
)
def test_a_block_of_a_handler_takes_its_events_along(
    kind: str, collect: Collect, alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a batch, and where each delivery has a savepoint around it because another one fails."""

    def both(delivery: Delivery, stream: str) -> None:
        Tally.objects.create(stream=stream)
        collect(delivery, stream)

    def behave(event: Probed, delivery: Delivery) -> None:
        if delivery.processor != kind:
            return
        if event.fails:
            raise processors.ProbeError
        both(delivery, "outside")
        with a_block(undone=False):
            both(delivery, "kept")
            with a_block(undone=True):
                both(delivery, "undone-within")
        with a_block(undone=True):
            with a_block(undone=False):
                both(delivery, "within-undone")
            both(delivery, "undone")
        with a_block(undone=False):
            both(delivery, "after")

    monkeypatch.setattr(processors, "behave", behave)
    publish(Probed(n=1), stream="probe-1")
    if alone:
        publish(Probed(n=2, fails=9), stream="probe-2")
    settle()
    assert streams_of(Tally.objects.all()) == {"outside", "kept", "after"}
    assert streams_of(Event.objects.all()) == {"outside", "kept", "after"}


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("kind", ["probe.atomic", "probe.leased"])
def test_a_savepoint_of_a_handler_takes_its_events_along(
    kind: str, alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own, without an atomic block around it, as it goes back to one of them, or further."""

    def both(delivery: Delivery, stream: str) -> None:
        Tally.objects.create(stream=stream)
        (published if stream.startswith("un") else emitted)(delivery, stream)

    def behave(event: Probed, delivery: Delivery) -> None:
        if delivery.processor != kind:
            return
        if event.fails:
            raise processors.ProbeError
        with transaction.atomic() if kind == "probe.leased" else nullcontext():
            both(delivery, "outside")
            outer = transaction.savepoint()
            both(delivery, "undone-by-the-outer")
            with a_block(undone=False):
                both(delivery, "block-undone-by-the-outer")
            inner = transaction.savepoint()
            both(delivery, "released-undone-by-the-outer")
            transaction.savepoint_commit(inner)
            transaction.savepoint_rollback(outer)
            both(delivery, "kept")
            again = transaction.savepoint()
            both(delivery, "undone-again")
            transaction.savepoint_rollback(again)
            for statement in ("SAVEPOINT mine", "ROLLBACK TO mine"):
                with connection.cursor() as cursor:
                    cursor.execute(statement)
                both(delivery, "unharmed" if "TO" in statement else "undone-by-a-statement")

    monkeypatch.setattr(processors, "behave", behave)
    publish(Probed(n=1), stream="probe-1")
    if alone:
        publish(Probed(n=2, fails=9), stream="probe-2")
    settle()
    assert streams_of(Tally.objects.all()) == {"outside", "kept", "unharmed"}
    assert streams_of(Event.objects.all()) == {"outside", "kept", "unharmed"}


@pytest.mark.parametrize("kind", ["probe.atomic", "probe.leased"])
def test_what_a_handler_yields_in_a_block_goes_with_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def handler(event: Probed, delivery: Delivery) -> Iterator[Echoed]:
        for n, undone in enumerate((False, True, False)):
            with a_block(undone=undone):
                yield Echoed(n=n, by="yielded")

    yielding = replace(registry.processor(kind), handler=handler)
    monkeypatch.setitem(registry.processors, kind, yielding)
    publish(Probed(n=1), stream="probe-1")
    settle()
    found = Event.objects.filter(type="Echoed").order_by("position")
    assert [event.data["n"] for event in found] == [0, 2]


def test_an_error_while_yielding_is_the_handlers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for a handler that returned something that can't be gone through."""

    def handler(event: Probed, delivery: Delivery) -> Iterator[Echoed]:
        yield Echoed(n=1, by="yielded")
        raise TypeError("of the handler")

    yielding = replace(registry.processor("probe.atomic"), handler=handler)
    monkeypatch.setitem(registry.processors, "probe.atomic", yielding)
    publish(Probed(n=1), stream="probe-1")
    settle()
    assert set(Attempt.objects.values_list("message", flat=True)) == {"of the handler"}
