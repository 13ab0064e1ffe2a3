"""Rows that no way in lets into the log: every page, live view and API call survives them."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse

from flowdeck.live.changes import Changes
from flowdeck.live.views import _views
from flowdeck.models import Attempt, Delivery, Event, Stream
from tests import every_page
from tests.deliveries import store
from tests.hostile import nested

pytestmark = pytest.mark.django_db(transaction=True)

_NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
_CYCLE = UUID(int=7)
_A, _B = UUID(int=8), UUID(int=9)
_PAYLOADS = {
    "list": "[1, 2]",
    "text": '"text"',
    "null": "null",
    "number": "7",
    "deep": json.dumps({"a": nested(900)}),
    "digits": '{"n": ' + "9" * 5_000 + "}",
    "infinite": '{"n": 1e999}',
    "surrogate": '{"s": "\\ud800"}',
    "odd names": json.dumps({"": 1, "a.b": {"$sealed": 1, "$key": []}, "x" * 5_000: 2, "\n": 3}),
    "wide": json.dumps({f"field {n}": n for n in range(300)}),
    "long": json.dumps({"s": "x" * 300_000}),
}
_ENVELOPES: dict[str, dict[str, Any]] = {
    "lines": {"type": "two\nlines", "stream": "two\nlines", "key": "a\nb", "producer": "a\r\nb"},
    "slashes": {"type": "a/b//", "stream": "//a/../b?c#d", "producer": "../.."},
    "dots": {"type": "..", "stream": ".", "producer": "."},
    "empty": {"type": "", "stream": "", "key": "", "producer": ""},
    "year 1": {"occurred_at": datetime(1, 1, 1, tzinfo=UTC)},
    "year 9999": {"occurred_at": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)},
    "recorded in 1": {"recorded_at": datetime(1, 1, 1, tzinfo=UTC)},
    "recorded in 9999": {"recorded_at": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)},
    "metadata list": {"metadata": "[1]"},
    "metadata text": {"metadata": '"x"'},
    "no causes": {"metadata": '{"also_caused_by": ["no id", 7, null]}'},
    "causes no list": {"metadata": '{"also_caused_by": 7}'},
    "its own cause": {"id": _CYCLE, "causation_id": _CYCLE},
    "a circle": {"id": _A, "causation_id": _B, "correlation_id": _A},
    "and back": {"id": _B, "causation_id": _A, "correlation_id": _A},
    "no version": {"version": 0, "sequence": -1},
    "declared": {"type": "Probed", "data": '["x"]'},
    "declared and personal": {"type": "Introduced", "data": '{"user_id": [], "email": {"a": 1}}'},
}


def odd(name: str, **given: Any) -> None:
    """A row by SQL; what the database itself refuses is left out."""
    row: dict[str, Any] = {
        "id": uuid4(),
        "stream": f"odd-{name}",
        "sequence": 1,
        "type": "Odd",
        "version": 1,
        "data": "{}",
        "metadata": "{}",
        "key": f"odd-{name}",
        "correlation_id": uuid4(),
        "causation_id": None,
        "producer": "odd",
        "occurred_at": _NOW,
        "recorded_at": _NOW,
        **given,
    }
    sqlite = connection.vendor == "sqlite"
    values = [v.hex if sqlite and isinstance(v, UUID) else _adapted(v) for v in row.values()]
    marks = ", ".join("%s" for _ in row)
    with connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute(
                    f"INSERT INTO flowdeck_event ({', '.join(row)}) VALUES ({marks})", values
                )
        except (DataError, IntegrityError, OperationalError):
            return
    Stream.objects.create(name=row["stream"], head=1)
    event = Event.objects.defer("data", "metadata").latest("position")
    delivery = store(
        event=event,
        processor="probe.atomic",
        key=row["key"],
        slot=1,
        state="dead",
        attempts=1,
        started_at=_NOW,
        finished_at=_NOW,
        fingerprint="f",
    )
    Attempt.objects.create(
        event_id=delivery.event_id,
        processor=delivery.processor,
        number=1,
        outcome="failed",
        error="Odd",
        message=name,
        fingerprint="f",
        started_at=_NOW,
        finished_at=_NOW,
    )


def _adapted(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if type(value) is datetime else value


def paths(number: int, event: Event) -> Iterator[str]:
    """What is about one event; of what costs most, each event has one in turn."""
    trace, letter = f"/traces/{event.correlation_id}/", Delivery.objects.get(event_id=event.pk)
    yield from (f"/events/{event.position}/", trace, f"/api/v1/dead-letters/{letter.letter}")
    yield reverse("flowdeck:event_type", args=[event.type])
    yield reverse("flowdeck:stream", args=[event.stream])
    dear = [
        f"{trace}?view=graph",
        f"{trace}?view=sequence",
        f"{trace}mermaid/",
        f"{trace}export/",
        f"/traces/compare/?a={event.correlation_id}",
        f"/events/?selected={event.position}",
        f"/admin/flowdeck/event/{event.position}/change/",
        f"/api/v1/traces/{event.correlation_id}",
        f"/dead-letters/{letter.letter}/",
        f"/search/?q={event.id}",
    ]
    yield dear[number % len(dear)]


def test_every_page_and_live_view_survives_any_stored_row() -> None:
    for name, data in _PAYLOADS.items():
        odd(name, data=data)
    for name, envelope in _ENVELOPES.items():
        odd(name, **{"stream": f"odd-{name}", **envelope})
    events = list(Event.objects.defer("data", "metadata"))
    assert len(events) > 20
    client = every_page.administrator()
    own = dict.fromkeys(path for n, event in enumerate(events) for path in paths(n, event))
    general = [path for found in every_page.pages().values() for path in found[:1]]
    lists = ["/api/v1/events?limit=200", "/api/v1/dead-letters?limit=200", "/admin/flowdeck/event/"]
    broken = {path: why for path in (*own, *general, *lists) if (why := _fault(client, path))}
    user = User.objects.get(username="measurer")
    for name, view in _views.items():
        for argument in _arguments(name, events):
            try:
                shown = view(user if view.per_user else None, argument)
                list(shown.regions())
                list(shown.patch(Changes(unknown=True)))
            except Exception as error:
                broken[f"{name}:{argument}"] = _where(error)
    assert broken == {}


def _fault(client: Client, path: str) -> str:
    client.raise_request_exception = True
    try:
        answer = client.get(path)
        if answer.streaming:
            list(answer.streaming_content)
    except Exception as error:
        return _where(error)
    return "" if answer.status_code < 500 else f"{answer.status_code}"


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((f for f in reversed(frames) if "/flowdeck/" in f.filename), frames[-1])
    return f"{error!r:.150} {frame.filename}:{frame.lineno}"


def _arguments(name: str, events: list[Event]) -> list[str]:
    if name == "trace":
        return [str(event.correlation_id) for event in events]
    if name in ("event", "event-people"):
        return [str(event.position) for event in events]
    if name == "letter":
        return [str(number) for number in Delivery.objects.values_list("letter", flat=True)]
    needed = {
        "flow-node": "type:Odd",
        "experiment": "ripple",
        "processes": "mediator?",
        "processor": "probe.atomic:24h",
    }
    return [needed.get(name, "")]
