"""Timers as they are read: what is due next, how much of it and when, and how others ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.db.models.functions import TruncMinute

from flowdeck import clock
from flowdeck.declare.schedule import Schedule as Declared
from flowdeck.declare.schedule import schedules
from flowdeck.models import Clock, Schedule, Timer

PAGE = 50
MOST = 100_000
"""Counted at most; above it is enough to know that."""
MINUTES = 60
_OF_TRACE = 50  # timers shown of one trace


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which timers: those that fit what is given; empty fields do not count."""

    type: str = ""
    stream: str = ""
    name: str = ""

    def condition(self) -> Q:
        """As a condition."""
        given = {"type": self.type, "stream": self.stream, "name": self.name}
        return Q(**{field: value for field, value in given.items() if value})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page goes on: behind this time, and this number of those of the same time."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and where the next page begins, if there is one."""

    rows: list[Timer]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Agenda:
    """How much is to come. ``minutes`` are counts by minute from now on; ``overdue`` are due and
    have not come."""

    open: int
    overdue: int
    minutes: list[int]
    now: datetime
    clock: Clock

    @property
    def more(self) -> bool:
        """Whether there are more than were counted."""
        return self.open >= MOST

    @property
    def soon(self) -> int:
        """How many are due within a minute."""
        return self.minutes[0]


def due_next(wanted: Wanted, after: Place | None = None, most: int = PAGE) -> Page:
    """Open timers that fit, the next one first; one query by index."""
    rows = Timer.objects.filter(wanted.condition(), ended_at=None)
    if after is not None:
        rows = rows.filter(due_at__gte=after.at).exclude(due_at=after.at, id__lte=after.number)
    return _cut(list(rows.order_by("due_at", "id")[: most + 1]), "due_at", most)


def ended(wanted: Wanted, after: Place | None = None, most: int = PAGE) -> Page:
    """Those that ended without an event, the newest first; one query by index."""
    rows = Timer.objects.filter(wanted.condition(), ended_at__isnull=False)
    if after is not None:
        rows = rows.filter(ended_at__lte=after.at).exclude(ended_at=after.at, id__gte=after.number)
    return _cut(list(rows.order_by("-ended_at", "-id")[: most + 1]), "ended_at", most)


def held() -> bool:
    """Whether somebody holds all of them."""
    return Clock.objects.filter(held_at__isnull=False).exists()


def agenda() -> Agenda:
    """What there is, in four queries."""
    now = clock.now()
    rows = Timer.objects.filter(ended_at=None)
    first = now.replace(second=0, microsecond=0)
    hour = rows.filter(due_at__gt=now, due_at__lt=first + timedelta(minutes=MINUTES))
    by_minute: Mapping[datetime, int] = dict(
        hour.order_by()
        .annotate(minute=TruncMinute("due_at"))
        .values_list("minute")
        .annotate(number=Count("id"))
    )
    return Agenda(
        open=rows.order_by("due_at")[:MOST].count(),
        overdue=rows.filter(due_at__lt=now - timedelta(seconds=1))
        .order_by("due_at")[:MOST]
        .count(),
        minutes=[by_minute.get(first + timedelta(minutes=n), 0) for n in range(MINUTES)],
        now=now,
        clock=Clock.objects.first() or Clock(),
    )


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule, and its next time if that is planned; ``declared`` is None if no code here
    declares it."""

    row: Schedule
    next: Timer | None
    declared: Declared | None


def listed_schedules() -> list[ScheduleRow]:
    """All schedules that any process declared, by name; two queries."""
    rows = list(Schedule.objects.order_by("name"))
    open_ = Timer.objects.filter(scope__in=[f"schedule:{row.name}" for row in rows], ended_at=None)
    following = {timer.scope: timer for timer in open_}
    return [
        ScheduleRow(row, following.get(f"schedule:{row.name}"), schedules.get(row.name))
        for row in rows
    ]


def of_traces(names: Iterable[UUID]) -> dict[UUID, list[Timer]]:
    """The first timers of each trace that are to come or ended without an event; one query."""
    found: dict[UUID, list[Timer]] = {}
    for timer in Timer.objects.filter(correlation_id__in=list(names)).order_by("due_at", "id"):
        of_one = found.setdefault(timer.correlation_id, [])
        if len(of_one) < _OF_TRACE:
            of_one.append(timer)
    return found


def _cut(rows: list[Timer], field: str, most: int) -> Page:
    shown = rows[:most]
    last: Any = shown[-1] if len(rows) > most else None
    return Page(shown, Place(getattr(last, field), last.pk) if last else None)
