"""Who produced and who got what lately, from the figures that the engine keeps."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from flowdeck.database import connection
from flowdeck.declare.registry import registry
from flowdeck.models import Event
from flowdeck.observe import rates
from flowdeck.observe.rates import Window
from flowdeck.sql.parts import placeholders, rows

_MINUTE = 60  # seconds


@dataclass(frozen=True, slots=True)
class Produced:
    """How often ``producer`` wrote ``type`` per second in a window."""

    type: str
    producer: str
    per_second: float


@dataclass(frozen=True, slots=True)
class Received:
    """How many deliveries of ``type`` the ``processor`` finished per second in a window."""

    type: str
    processor: str
    per_second: float


@dataclass(frozen=True, slots=True)
class TypeStatus:
    """One event type: how often lately (events per second), and its newest event if any."""

    name: str
    per_second: float
    last_position: int | None
    last_at: datetime | None
    last_producer: str
    producers: tuple[str, ...]


def produced(window: Window | None = None) -> list[Produced]:
    """Who wrote what in the window, or in the last minute; one query, and one for the window."""
    window = window or rates.lately(_MINUTE)
    return [
        Produced(type_, producer, window.per_second(number) or 0.0)
        for (type_, producer), number in sorted(rates.produced(window).items())
    ]


def received(window: Window) -> list[Received]:
    """Who finished what in the window; one query."""
    return [
        Received(type_, processor, window.per_second(number) or 0.0)
        for (type_, processor), number in sorted(rates.received(window).items())
    ]


def type_statuses(wrote: list[Produced] | None = None) -> list[TypeStatus]:
    """Every type declared or stored, by name; three queries, and those of ``produced``."""
    by_type: dict[str, list[Produced]] = defaultdict(list)
    for row in produced() if wrote is None else wrote:
        by_type[row.type].append(row)
    names = sorted({*registry.event_types, *_stored_types()})
    last = _last_positions(names)
    events = Event.objects.filter(position__in=[p for p in last.values() if p])
    newest = {e.type: e for e in events.only("position", "type", "producer", "recorded_at")}
    return [_status(name, by_type[name], newest.get(name)) for name in names]


def _status(name: str, wrote: list[Produced], newest: Event | None) -> TypeStatus:
    producers = {row.producer for row in wrote} | ({newest.producer} if newest else set())
    return TypeStatus(
        name=name,
        per_second=sum(row.per_second for row in wrote),
        last_position=newest.position if newest else None,
        last_at=newest.recorded_at if newest else None,
        last_producer=newest.producer if newest else "",
        producers=tuple(sorted(producers)),
    )


def _stored_types() -> set[str]:
    """The names of all types in the log: one look into the index for each."""
    query = """
        WITH RECURSIVE t(name) AS (
          SELECT min(type) FROM flowdeck_event
          UNION ALL
          SELECT (SELECT min(type) FROM flowdeck_event WHERE type > t.name) FROM t
          WHERE t.name IS NOT NULL)
        SELECT name FROM t WHERE name IS NOT NULL
    """
    return {name for (name,) in rows(query)}


def _last_positions(names: list[str]) -> dict[str, int | None]:
    """Position of the newest event of each type: one look into the index for each."""
    if not names:
        return {}
    values = placeholders(names, "(CAST(%s AS text))")
    query = f"""
        WITH t(name) AS (VALUES {values})
        SELECT t.name, (SELECT max(e.position) FROM flowdeck_event e WHERE e.type = t.name) FROM t
    """
    with connection.cursor() as cursor:
        cursor.execute(query, names)
        return dict(cursor.fetchall())
