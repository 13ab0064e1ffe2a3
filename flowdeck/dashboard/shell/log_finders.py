"""The library's own finders: ids, positions, streams, event types, processors.

Each look-up is by a key, or within a fixed number of the newest rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import CharField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast
from django.urls import reverse

from flowdeck.dashboard.shell import finders
from flowdeck.dashboard.shell.finders import Hit
from flowdeck.declare.registry import registry
from flowdeck.log.positions import newest_position
from flowdeck.models import Event, Stream
from flowdeck.people.access import can
from flowdeck.sql import dialect
from flowdeck.words import SHORT_ID, counted
from flowdeck.words import moment as moment_of

_NEWEST = 5_000  # rows searched for the end of an event's id, which no index knows
_MOST_OF_AN_END = 100
_END = re.compile(r"[0-9a-fA-F]{6,12}")
_POSITION = re.compile(r"#?([0-9]{1,18})")
_IN_STREAM = re.compile(r"(.+)#([0-9]{1,18})")


def find_by_id(user: Any, query: str) -> Iterator[Hit]:
    """A whole id of an event or a trace, or the end of one: of a trace as pages show it."""
    whole = _uuid(query)
    if whole is not None:
        for event in Event.objects.filter(id=whole):
            yield _event_hit(event, str(event.id), certain=True)
        first = Event.objects.filter(correlation_id=whole).order_by("position").first()
        if first is not None:
            yield _trace_hit(first, certain=True)
    elif _END.fullmatch(query):
        yield from _by_end(query.lower())


def find_by_position(user: Any, query: str) -> Iterator[Hit]:
    """The event at a position of the log: ``4711`` or ``#4711``."""
    if match := _POSITION.fullmatch(query.replace(",", "")):
        for event in Event.objects.filter(position=int(match[1])):
            yield _event_hit(event, f"Position {event.position}")


def find_streams(user: Any, query: str) -> Iterator[Hit]:
    """The stream of this name, and the event that pages call ``parcel-5#3``: its third."""
    if match := _IN_STREAM.fullmatch(query):
        for event in Event.objects.filter(stream=match[1], sequence=int(match[2])):
            yield _event_hit(event, query, certain=True)
    for stream in Stream.objects.filter(name=query, head__gt=0):
        url = reverse("flowdeck:stream", args=[stream.name])
        count = counted(stream.head, "event")
        yield Hit(stream.name, url, count, "log")


def find_types(user: Any, query: str) -> Iterator[Hit]:
    """Declared event types whose name contains the query, and a stored one of exactly this name."""
    wanted = query.casefold()
    names = {name for name in registry.event_types if wanted in name.casefold()}
    if query not in registry.event_types and Event.objects.filter(type=query[:100]).exists():
        names.add(query)
    for name in sorted(names, key=lambda name: (name.casefold().find(wanted), name)):
        declared = registry.event_types.get(name)
        note = f"version {declared.version}" if declared else "not declared by any installed app"
        yield Hit(name, reverse("flowdeck:event_type", args=[name]), note, "catalog", name == query)


def find_processors(user: Any, query: str) -> Iterator[Hit]:
    """Declared processors whose name contains the query."""
    if not can(user, "view_processors"):
        return
    wanted = query.casefold()
    for name, declared in sorted(registry.processors.items()):
        if wanted in name.casefold():
            url = reverse("flowdeck:processor", args=[name])
            yield Hit(name, url, declared.description, "processors", name == query)


def _by_end(end: str) -> Iterator[Hit]:
    traces: dict[UUID, Event] = {}
    for event in _traces_by_end(end):
        traces.setdefault(event.correlation_id, event)
    yield from map(_trace_hit, traces.values())
    yield from (_event_hit(event, str(event.id)) for event in _recent_by_end(end))


def _traces_by_end(end: str) -> list[Event]:
    """First events of the traces whose id ends so, at any size of the log.

    Pages show ``SHORT_ID`` digits; fewer would name too many.
    """
    if len(end) < SHORT_ID:
        return []
    shown = RawSQL(dialect().TRACE_END, [])  # noqa: S611 (a constant, as the index has it)
    first = Event.objects.filter(causation_id=None).annotate(shown=shown)
    # An order would tempt the database to read another index.
    found = first.filter(shown=end[-SHORT_ID:]).order_by()[:_MOST_OF_AN_END]
    fitting = [event for event in found if event.correlation_id.hex.endswith(end)]
    return sorted(fitting, key=lambda event: event.position)


def _recent_by_end(end: str) -> list[Event]:
    newest = Event.objects.filter(position__gt=newest_position() - _NEWEST)
    named = newest.annotate(text=Cast("id", CharField())).filter(text__endswith=end)
    return list(named.order_by("position")[:20])


def _event_hit(event: Event, title: str, certain: bool = False) -> Hit:
    note = f"{event.type}, {event.stream}#{event.sequence}, {_when(event.recorded_at)}"
    return Hit(title, reverse("flowdeck:event", args=[event.position]), note, "log", certain)


def _trace_hit(event: Event, certain: bool = False) -> Hit:
    note = f"trace of {event.stream}, {_when(event.recorded_at)}"
    url = reverse("flowdeck:trace", args=[event.correlation_id])
    return Hit(str(event.correlation_id), url, note, "trace", certain)


def _when(moment: datetime) -> str:
    return moment_of(moment.astimezone(UTC))


def _uuid(text: str) -> UUID | None:
    if not re.fullmatch(r"[0-9a-fA-F-]{32,36}", text):
        return None
    try:
        return UUID(text)
    except ValueError:
        return None


def register() -> None:
    """Let the search ask them."""
    finders.register("Ids", 20, find_by_id)
    finders.register("Positions", 30, find_by_position)
    finders.register("Streams", 40, find_streams)
    finders.register("Event types", 50, find_types)
    finders.register("Processors", 60, find_processors)
