"""How the database is doing: what holds it up, what it has still to do, how it grows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum

from flowdeck import clock
from flowdeck.conf import conf
from flowdeck.database import connection
from flowdeck.history import figures, fold
from flowdeck.history.figures import DAY, EVER, HOUR
from flowdeck.log.positions import newest_position
from flowdeck.models import Produced
from flowdeck.sql import database
from flowdeck.sql.health import Holder, Table

LONG = timedelta(minutes=5)
"""An open transaction older than this is worth a warning."""
LATE = timedelta(seconds=60)
"""Figures that are behind by more are told as a fault."""

_GROWTH = timedelta(days=7)  # that it is reckoned from
_DUE = "flowdeck_due"


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What is known; None where it is not.

    ``ahead``: how many events may come before ``done`` needs another partition. ``per_day``: bytes
    that it grew by a day lately. ``used``: of what it may have, 0 to 1; ``days_left`` until it is
    full.
    """

    as_of: datetime
    vendor: str
    holder: Holder | None
    lag: timedelta
    tables: list[Table]
    bytes: int
    ahead: int | None
    per_day: float | None
    used: float | None
    days_left: float | None

    @property
    def due(self) -> Table | None:
        """The table of what is due."""
        return next((one for one in self.tables if one.name == _DUE), None)

    @property
    def open_for(self) -> timedelta | None:
        """How long the oldest transaction is open."""
        since = self.holder.since if self.holder else None
        return self.as_of - since if since else None

    @property
    def is_held_up(self) -> bool:
        """Whether somebody has had a transaction open for long."""
        return self.open_for is not None and self.open_for > LONG

    @property
    def is_late(self) -> bool:
        """Whether figures are behind."""
        return self.lag > LATE


def database_state() -> DatabaseState:
    """Of this moment, in ten queries at most, whatever the size of the log."""
    now = clock.now()
    with connection.cursor() as cursor:
        found = database().health(cursor)
    space, per_day = conf().DATABASE_BYTES, _per_day(found.bytes, now)
    return DatabaseState(
        as_of=now,
        vendor=connection.vendor,
        holder=found.holder,
        lag=lag(now),
        tables=found.tables,
        bytes=found.bytes,
        ahead=None if found.room is None else found.room - newest_position(),
        per_day=per_day,
        used=found.bytes / space if space else None,
        days_left=max(0.0, space - found.bytes) / per_day if space and per_day else None,
    )


def open_for(now: datetime) -> tuple[timedelta, str]:
    """How long the oldest transaction is open, and whose it is; one query."""
    with connection.cursor() as cursor:
        holder = database().holder(cursor)
    if holder is None or holder.since is None:
        return timedelta(), ""
    return now - holder.since, named(holder)


def named(holder: Holder) -> str:
    """Whose it is, in words: ``session 4711 of reports (pg_dump) at 10.0.0.7``."""
    program = f" ({holder.program})" if holder.program else ""
    pid = f" {holder.pid}" if holder.pid else ""
    address = f" at {holder.address}" if holder.address else ""
    return f"{holder.kind}{pid} of {holder.who or 'nobody'}{program}{address}"


def lag(now: datetime) -> timedelta:
    """How far figures are behind; one query. Nothing is late where nothing was told."""
    until = fold.known().until
    return max(timedelta(), now - until) if until else timedelta()


def used() -> float | None:
    """Of the space that the database may have, 0 to 1; None if nobody has said how much."""
    space = conf().DATABASE_BYTES
    if not space:
        return None
    with connection.cursor() as cursor:
        return database().size(cursor) / space


def _per_day(size: int, now: datetime) -> float | None:
    """Bytes per event so far, times the events of a day lately; two queries."""
    ever = _events(EVER, 0)
    since = int((now - _GROWTH).timestamp())
    if not ever:
        return None
    lately = _events(HOUR, figures.beginning(HOUR, since))
    return size / ever * lately / (_GROWTH.total_seconds() / DAY)


def _events(grain: int, since: int) -> int:
    rows = Produced.objects.filter(grain=grain, at__gte=since)
    return int(rows.aggregate(n=Sum("n"))["n"] or 0)
