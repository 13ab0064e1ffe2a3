"""What is to be done at this moment, counted once for everybody who looks.

Counting costs as much as there are processors and lanes, and each web process would do it as often
as somebody looks. So one worker's sweep counts once a second and keeps it in one row; where nobody
has done so lately, whoever looks counts for itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from django.db.models import QuerySet

from flowdeck import clock
from flowdeck.database import connection
from flowdeck.declare.registry import registry
from flowdeck.declare.states import HOLDING, UNFINISHED, DeliveryState, among
from flowdeck.history import gauges
from flowdeck.history.gauges import Reading
from flowdeck.models import Current, Event, Lane
from flowdeck.observe import rates
from flowdeck.observe.lane_state import LaneState
from flowdeck.sql.parts import placeholders, rows

COUNTED = 20_000
"""Rows of a kind counted at most; a count of this many means "at least"."""
READ = 1_000_000
"""Unfinished deliveries of a processor that its gauge tells of at most."""
LOOKED_AT = 1_000
"""Unfinished deliveries whose traces are counted."""

_EVERY = timedelta(seconds=0.9)
_OLD = timedelta(seconds=5)
_MINUTE = 60.0  # seconds that rates are of

_UNFINISHED, _HELD = f"d.state {among(*UNFINISHED)}", f"d.state {among(*HOLDING)}"
_AWAKE = f"{_UNFINISHED} AND d.state <> '{DeliveryState.SLEEPING}'"
_RETRYING = f"{_HELD} AND d.state {among(DeliveryState.RETRYING)}"
_SLEEPING = f"{_HELD} AND d.state {among(DeliveryState.SLEEPING)}"
_DEAD = f"{_HELD} AND d.state {among(DeliveryState.DEAD)}"

# On PostgreSQL the index of what is due is by sixteenth of the slots, so the oldest is the lowest
# of sixteen; SQLite's is by position.
_OLDEST = {
    "postgresql": f"""(SELECT min(first) FROM generate_series(0, 15) AS band, LATERAL (
      SELECT d.position AS first FROM flowdeck_due d
      WHERE d.processor = p.name AND {_AWAKE} AND d.slot >> 6 = band
      ORDER BY d.position LIMIT 1) AS of_band)""",
    "sqlite": f"""(SELECT min(d.position) FROM flowdeck_due d
      WHERE d.processor = p.name AND {_AWAKE})""",
}
_ALL_DEAD = f"""
SELECT count(*) FROM (
  SELECT 1 FROM flowdeck_due WHERE state {among(DeliveryState.DEAD)} LIMIT {COUNTED}) AS counted
"""
_UNDER_WAY = f"""
SELECT count(DISTINCT e.correlation_id), count(*) FROM (
  SELECT d.position FROM flowdeck_due d WHERE {_UNFINISHED} LIMIT {LOOKED_AT}
) AS unfinished JOIN flowdeck_event e ON e.position = unfinished.position
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """One processor: unfinished, retrying, sleeping and dead deliveries.

    ``oldest_at`` is when the oldest was recorded that is not sleeping.

    ``done``: how many were done in the last minute. ``leased`` counts its leased lanes, ``workers``
    has them.
    """

    waiting: int = 0
    retrying: int = 0
    sleeping: int = 0
    dead: int = 0
    oldest_at: datetime | None = None
    done: int = 0
    leased: int = 0
    workers: tuple[str, ...] = ()
    lanes: tuple[LaneState, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """All processors. Rates are of ``seconds``, 0 if nothing is known; ``last_at``: after it, none
    was done."""

    at: datetime
    seconds: float
    last_at: datetime | None
    by: dict[str, Counted]

    def per_second(self, name: str) -> float | None:
        """What a processor got done; None if nothing is known."""
        return self.by[name].done / self.seconds if self.seconds else None


class UnderWay(NamedTuple):
    """How many traces are; more than that if ``deliveries`` were ``LOOKED_AT``."""

    traces: int
    deliveries: int


def moment() -> Moment:
    """All processors as they were up to five seconds ago, or counted now."""
    row = _kept("facts").first()
    return (_read(row) if row else None) or _moment()


def dead() -> int:
    """How many dead letters there are: ``COUNTED`` at most; one query."""
    since = connection.ops.adapt_datetimefield_value(clock.now() - _OLD)
    kept = "SELECT dead FROM flowdeck_current WHERE at > %s"
    [(number,)] = rows(f"SELECT coalesce(({kept}), ({_ALL_DEAD}))", [since])
    return int(number)


def under_way() -> UnderWay:
    """How many traces are, among the first unfinished deliveries."""
    row = _kept("traces", "deliveries").first()
    return UnderWay(row.traces, row.deliveries) if row else _under_way()


def keep() -> None:
    """Count and keep it, if nobody has begun to within the last second. Needs autocommit."""
    since = clock.now() - _EVERY
    if Current.objects.filter(begun_at__gt=since).exists():
        return
    Current.objects.bulk_create([Current(pk=1)], ignore_conflicts=True)
    if Current.objects.exclude(begun_at__gt=since).update(begun_at=clock.now()):
        counted, number, under = _moment(), _dead(), _under_way()
        Current.objects.update(
            at=counted.at,
            facts=orjson.dumps(counted).decode(),
            dead=number,
            traces=under.traces,
            deliveries=under.deliveries,
        )
        if gauges.is_due(counted.at):
            gauges.note(counted.at, _readings(counted))


def _readings(found: Moment) -> dict[str, Reading]:
    """What the gauges say; those that stopped counting for the pages go on here."""
    more = [name for name, one in found.by.items() if one.waiting >= COUNTED]
    waiting = {name: row[0] for name, row in _of_each(more, _number(_UNFINISHED, READ)).items()}
    return {
        name: Reading(
            waiting.get(name, one.waiting),
            one.retrying,
            one.dead,
            max(0.0, (found.at - one.oldest_at).total_seconds()) if one.oldest_at else 0.0,
        )
        for name, one in found.by.items()
    }


def _read(row: Current) -> Moment | None:
    """What a row says; None if another version of the code wrote it, which says less than ours."""
    assert row.at is not None
    try:
        facts = orjson.loads(row.facts)
        by = {name: _loaded(facts["by"][name]) for name in registry.processors}
        return Moment(row.at, facts["seconds"], _time(facts["last_at"]), by)
    except (ValueError, LookupError, TypeError):
        return None


def _kept(*columns: str) -> QuerySet[Current]:
    return Current.objects.filter(at__gt=clock.now() - _OLD).only("at", *columns)


def _loaded(facts: dict[str, Any]) -> Counted:
    lanes = tuple(LaneState(**lane) for lane in facts["lanes"])
    more = {"oldest_at": _time(facts["oldest_at"]), "workers": tuple(facts["workers"])}
    return Counted(**{**facts, **more, "lanes": lanes})


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _moment() -> Moment:
    now, names = clock.now(), sorted(registry.processors)
    counts = _counts(names)
    oldest = [row[-1] for row in counts.values() if row[-1]]
    recorded = dict(
        Event.objects.filter(position__in=oldest).values_list("position", "recorded_at")
    )
    lanes: dict[str, list[Lane]] = defaultdict(list)
    for lane in Lane.objects.filter(processor__in=names).order_by("first_slot"):
        lanes[lane.processor].append(lane)
    window = rates.lately(_MINUTE, now)
    done = rates.done(window)
    by = {
        name: _counted(counts[name], recorded, done.by.get(name, 0), lanes[name], now)
        for name in names
    }
    return Moment(now, window.seconds, done.last_at, by)


def _dead() -> int:
    [(number,)] = rows(_ALL_DEAD)
    return int(number)


def _under_way() -> UnderWay:
    [found] = rows(_UNDER_WAY)
    return UnderWay(*found)


def _counted(
    counts: tuple[Any, ...],
    recorded: dict[int, datetime],
    done: int,
    lanes: Sequence[Lane],
    now: datetime,
) -> Counted:
    waiting, retrying, sleeping, dead, oldest = counts
    leased = [lane for lane in lanes if lane.lease_expires_at and lane.lease_expires_at > now]
    return Counted(
        waiting=waiting,
        retrying=retrying,
        sleeping=sleeping,
        dead=dead,
        oldest_at=recorded.get(oldest) if oldest else None,
        done=done,
        leased=len(leased),
        workers=tuple(sorted({lane.worker for lane in leased})),
        lanes=tuple(LaneState.of(number, lane, now) for number, lane in enumerate(lanes, 1)),
    )


def oldest_waiting(names: list[str]) -> dict[str, int | None]:
    """Per processor: position of the oldest unfinished delivery that does not sleep."""
    found = _of_each(names, _OLDEST[connection.vendor])
    return {name: row[0] for name, row in found.items()}


def _counts(names: list[str]) -> dict[str, tuple[Any, ...]]:
    """Per processor: unfinished, retrying, sleeping, dead, position of the oldest waiting."""
    oldest = _OLDEST[connection.vendor]
    kinds = (_UNFINISHED, _RETRYING, _SLEEPING, _DEAD)
    return _of_each(names, ", ".join((*map(_number, kinds), oldest)))


def _of_each(names: list[str], columns: str) -> dict[str, tuple[Any, ...]]:
    if not names:
        return {}
    values = placeholders(names, "(CAST(%s AS text))")
    found = rows(f"WITH p(name) AS (VALUES {values}) SELECT p.name, {columns} FROM p", names)
    return {row[0]: row[1:] for row in found}


def _number(condition: str, most: int | None = None) -> str:
    return (
        "(SELECT count(*) FROM (SELECT 1 FROM flowdeck_due d "
        f"WHERE d.processor = p.name AND {condition} LIMIT {most or COUNTED}) AS counted)"
    )
