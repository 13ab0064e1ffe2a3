"""Which versions of a type are stored, and from when until when each was seen.

No index has the version, so that not every event of a type can be asked for it. Looked at are its
oldest and its newest events, and a few spread evenly between: what they show is true, and where it
is not exact the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, QuerySet, Value

from flowdeck.database import connection
from flowdeck.models import Event

NEWEST = 2_000
"""Newest events of a type that are counted by version."""

_OLDEST = 500
_BETWEEN = 64  # parts that the positions of a type are cut into, to look at one event in each


@dataclass(frozen=True, slots=True)
class Seen:
    """One version: how many of the newest events have it, and when it was recorded first and last.

    ``earlier``: it may have come before ``first``; ``later``: it may have come after ``last``.
    """

    count: int
    first: datetime
    last: datetime
    earlier: bool
    later: bool


def seen_versions(name: str) -> dict[int, Seen]:
    """By version, of the events of this type; two queries over a fixed number of events."""
    chosen = Event.objects.filter(type=name)
    newest = chosen.order_by("-position").values("position")[:NEWEST]
    oldest = chosen.order_by("position").values("position")[:_OLDEST]
    parts = [_part("newest", newest), _part("oldest", oldest), _part("", _spread(name))]
    rows = list(parts[0].union(*parts[1:], all=True))
    whole = sum(count for _, part, count, *_ in rows if part == "newest") < NEWEST
    found: dict[int, Seen] = {}
    for version, part, count, first, last in rows:
        one = Seen(
            count if part == "newest" else 0,
            first,
            last,
            not whole and part != "oldest",
            not whole and part != "newest",
        )
        found[version] = _joined(found[version], one) if version in found else one
    return found


def _part(part: str, positions: Any) -> QuerySet[Event, tuple[int, str, int, datetime, datetime]]:
    grouped = Event.objects.filter(position__in=positions).order_by().values("version")
    return grouped.annotate(
        part=Value(part), count=Count("position"), first=Min("recorded_at"), last=Max("recorded_at")
    ).values_list("version", "part", "count", "first", "last")


def _joined(one: Seen, other: Seen) -> Seen:
    return replace(
        one,
        count=one.count + other.count,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        earlier=one.earlier and other.earlier,
        later=one.later and other.later,
    )


def _spread(name: str) -> list[int]:
    """Positions of events of this type, evenly spread: one look into the index for each."""
    steps = ", ".join(f"({step})" for step in range(1, _BETWEEN))
    query = f"""
        WITH ends AS (SELECT min(position) AS low, max(position) AS high
                      FROM flowdeck_event WHERE type = %s),
        steps(n) AS (VALUES {steps})
        SELECT (SELECT min(e.position) FROM flowdeck_event e WHERE e.type = %s
                AND e.position >= ends.low + (ends.high - ends.low) * steps.n / {_BETWEEN})
        FROM ends, steps
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [name, name])
        return sorted({row[0] for row in cursor.fetchall() if row[0] is not None})
