"""Who produced and who got what, as the newest stretch of the log and the deliveries shows.

Both queries look at a fixed number of the newest rows, whatever the size of the tables.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Min, Q, QuerySet

from flowdeck import clock
from flowdeck.declare.registry import registry
from flowdeck.models import Delivery, Event
from flowdeck.models.delivery import newest_from
from flowdeck.sql.parts import placeholders

SAMPLE = 5_000
"""Newest events looked at."""

DELIVERIES = 2_000
"""Newest deliveries looked at; each needs its event too."""

_MINUTE = 60  # seconds
Row = tuple[str, str, int, int, datetime]


@dataclass(frozen=True, slots=True)
class Produced:
    """How often ``producer`` wrote ``type`` in the sample, and per second in the window."""

    type: str
    producer: str
    count: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Received:
    """How many of the sampled deliveries of ``type`` were for ``processor``, and their rate."""

    type: str
    processor: str
    count: int
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


def produced(window: int = _MINUTE) -> list[Produced]:
    """Who wrote what, with the rates of the last ``window`` seconds, in one query."""
    return reaching(window)[0]


def reaching(window: float = _MINUTE) -> tuple[list[Produced], float]:
    """Like :func:`produced`, and of how many seconds the rates tell: fewer than ``window`` if the
    sample does not reach back so far."""
    now = clock.now()
    newest = Event.objects.order_by("-position").values("position")[:SAMPLE]
    rows = _grouped(
        Event.objects.filter(position__in=newest), "recorded_at", now, window, "type", "producer"
    )
    seconds = _reach(rows, now, window, SAMPLE)
    return [Produced(a, b, count, recent / seconds) for a, b, count, recent, _ in rows], seconds


def received(window: float = _MINUTE) -> tuple[list[Received], float]:
    """Who got what, with the rates of the last ``window`` seconds, in one query; and of how many
    seconds they tell, as in :func:`reaching`."""
    now = clock.now()
    rows = _grouped(
        Delivery.objects.filter(event_id__gte=newest_from(DELIVERIES)),
        "event__recorded_at",
        now,
        window,
        "event__type",
        "processor",
    )
    seconds = _reach(rows, now, window, DELIVERIES)
    return [Received(a, b, count, recent / seconds) for a, b, count, recent, _ in rows], seconds


def type_statuses(sampled: list[Produced] | None = None) -> list[TypeStatus]:
    """Every type declared or sampled, by name; two queries, and that of the sample if not given."""
    wrote: dict[str, list[Produced]] = defaultdict(list)
    for row in produced() if sampled is None else sampled:
        wrote[row.type].append(row)
    names = sorted({*registry.event_types, *wrote})
    last = _last_positions(names)
    events = Event.objects.filter(position__in=[p for p in last.values() if p])
    newest = {e.type: e for e in events.only("position", "type", "producer", "recorded_at")}
    return [_status(name, wrote[name], newest.get(name)) for name in names]


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


def _grouped(rows: QuerySet[Any], time: str, now: datetime, window: float, *keys: str) -> list[Row]:
    recent = Count("pk", filter=Q(**{f"{time}__gt": now - timedelta(seconds=window)}))
    chosen = rows.values_list(*keys).order_by(*keys)
    return list(chosen.annotate(n=Count("*"), recent=recent, first=Min(time)))


def _reach(rows: list[Row], now: datetime, window: float, most: int) -> float:
    """Seconds that the sample tells of: the window, less if it does not reach back so far."""
    if sum(row[2] for row in rows) < most:
        return float(window)
    reach = (now - min(row[4] for row in rows)).total_seconds()
    return max(1.0, min(reach, float(window)))


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
