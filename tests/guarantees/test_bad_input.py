"""Invariant 10: bad input is refused whole, with a clear message."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from flowdeck import Draft, Event, PublishError, SequenceConflict, parse, publish
from flowdeck.errors import (
    InvalidEnvelope,
    InvalidPayload,
    InvalidStream,
    PayloadTooLarge,
    UnknownEventType,
    UnknownVersion,
)
from flowdeck.models import Delivery, Stream
from flowdeck.models import Event as EventRow
from tests.hostile import nested
from tests.probe.events import Echoed, Keyed, Probed

pytestmark = pytest.mark.django_db(transaction=True)


class Undeclared(Event, abstract=True):
    """A class that no app declares as an event type."""


BAD = {
    "nothing": ((), {"stream": "probe-1"}, PublishError, "at least one event"),
    "no stream": ((Probed(),), {}, InvalidStream, "needs a stream name"),
    "empty stream": ((Probed(),), {"stream": ""}, InvalidStream, "needs a stream name"),
    "white space": ((Probed(),), {"stream": "a b"}, InvalidStream, "white space"),
    "control": ((Probed(),), {"stream": "a\x00b"}, InvalidStream, "white space"),
    "long stream": ((Probed(),), {"stream": "x" * 201}, InvalidStream, "200"),
    "undeclared": ((Undeclared(),), {"stream": "s"}, UnknownEventType, "not a declared"),
    "NUL": ((Echoed(n=1, by="a\x00b"),), {"stream": "s"}, InvalidPayload, "NUL"),
    "surrogate": ((Echoed(n=1, by="\ud800"),), {"stream": "s"}, InvalidPayload, "JSON"),
    "too large": ((Echoed(n=1, by="x" * 300_000),), {"stream": "s"}, PayloadTooLarge, "limit"),
    "unvalidated": ((Echoed.model_construct(n="x", by=1),), {"stream": "s"}, InvalidPayload, "n"),
    "empty key": ((Keyed(owner=""),), {"stream": "s"}, InvalidEnvelope, "key"),
    "key of two lines": ((Keyed(owner="a\nb"),), {"stream": "s"}, InvalidEnvelope, "key"),
    "half a character in a key": (
        (Keyed(owner="\ud800"),),
        {"stream": "s"},
        PublishError,
        "surrogate",
    ),
    "producer": ((Probed(),), {"stream": "s", "producer": "x" * 65}, InvalidEnvelope, "producer"),
    "year 1": (
        (Draft(Probed(), stream="s", occurred_at=datetime(1, 1, 1, tzinfo=UTC)),),
        {},
        InvalidEnvelope,
        "years 1000 to 8999",
    ),
    "no zone": (
        (Draft(Probed(), stream="s", occurred_at=datetime(2026, 1, 1)),),  # noqa: DTZ001 (it is refused)
        {},
        InvalidEnvelope,
        "no zone",
    ),
    "stale": ((Probed(),), {"stream": "s", "expected_sequence": 3}, SequenceConflict, "at 3"),
    "two streams": (
        (Draft(Probed(), stream="a"), Draft(Probed(), stream="b")),
        {"expected_sequence": 0},
        PublishError,
        "exactly one stream",
    ),
}


@pytest.mark.parametrize(("events", "options", "error", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_whole(
    events: tuple[Any, ...], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    good = (Draft(Probed(n=1), stream=options.get("stream") or "good"),) if events else ()
    with pytest.raises(error, match=message):
        publish(*good[:0], *events, **options)
    assert not EventRow.objects.exists()
    assert not Delivery.objects.exists()
    assert not Stream.objects.exists()


def test_one_bad_event_refuses_the_good_ones_too() -> None:
    with pytest.raises(PayloadTooLarge):
        publish(Probed(n=1), Echoed(n=1, by="x" * 300_000), stream="probe-1")
    assert not EventRow.objects.exists()


PAYLOADS: dict[str, tuple[str, Any, int | None, type[Exception], str]] = {
    "unknown type": ("Nonsense", {}, None, UnknownEventType, "Declared: "),
    "unknown version": ("Echoed", {"n": 1, "by": "x"}, 7, UnknownVersion, "version 7"),
    "missing field": ("Echoed", {"n": 1}, None, InvalidPayload, "by: Field required"),
    "wrong type": ("Echoed", {"n": "many", "by": "x"}, None, InvalidPayload, "n: "),
    "unknown field": ("Echoed", {"n": 1, "by": "x", "z": 1}, None, InvalidPayload, "z: "),
    "not an object": ("Echoed", [1, 2], None, InvalidPayload, "payload: "),
    "no number": ("Echoed", {"n": float("nan"), "by": ""}, None, InvalidPayload, "JSON"),
    "half a character": ("Echoed", {"n": 1, "by": "\ud800"}, None, InvalidPayload, "surrogate"),
    "bottomless": ("Echoed", {"n": 1, "by": nested(5_000)}, None, InvalidPayload, "JSON"),
}


@pytest.mark.parametrize(
    ("name", "data", "version", "error", "message"), PAYLOADS.values(), ids=PAYLOADS.keys()
)
def test_untrusted_payloads_are_refused_with_the_fault_named(
    name: str, data: Any, version: int | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        parse(name, data, version)


def test_good_untrusted_payloads_are_taken() -> None:
    assert parse("Echoed", json.loads('{"n": 1, "by": "x\\\\u0000"}')) == Echoed(n=1, by="x\\u0000")
    publish(Echoed(n=1, by="x\\u0000"), stream="probe-1")  # a backslash, not a NUL
    assert EventRow.objects.get().data["by"] == "x\\u0000"
