"""A row per trace: what changed for positions of the log, added up by the trace that they are of.

The order of folding does not matter: what a trace began with is told by its lowest position.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import attrgetter, or_
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.fields.json import KeyTransform

from flowdeck.declare.registry import registry
from flowdeck.history import rows
from flowdeck.history.tally import moment
from flowdeck.models import Event, Trace
from flowdeck.sql.parts import chunked

_EVENTS = 5_000  # read by one statement


class Logged(NamedTuple):
    """An event as the log has it."""

    position: int
    type: str
    stream: str
    producer: str
    correlation_id: UUID
    recorded_at: datetime


@dataclass(slots=True)
class Sum:
    """All that is told of one position; one event of it, if its append is told."""

    events: int = 0
    came: int = 0
    settled: int = 0
    dead: int = 0
    retries: int = 0
    ended: int = 0

    def add(
        self, came: int, settled: int, dead: int, retries: int, ended: int | None, *_: Any
    ) -> None:
        """Add a change."""
        self.came += came
        self.settled += settled
        self.dead += dead
        self.retries += retries
        self.ended = max(self.ended, ended or 0)


@dataclass(slots=True)
class _Row:
    """A row of :class:`flowdeck.models.Trace`, fields in the order of its columns."""

    correlation_id: UUID
    first_position: int
    began_with: str
    stream: str
    producer: str
    started_at: datetime
    ended_at: datetime
    last_position: int
    events: int
    came: int
    settled: int
    dead: int
    retries: int
    refused: bool = False
    state: int = Trace.State.UNDER_WAY
    seconds: float | None = None

    def join(self, other: _Row) -> None:
        """Add another part of the same trace."""
        if other.first_position < self.first_position:
            self.first_position = other.first_position
            self.began_with, self.stream = other.began_with, other.stream
            self.producer, self.started_at = other.producer, other.started_at
        self.last_position = max(self.last_position, other.last_position)
        self.ended_at = max(self.ended_at, other.ended_at)
        self.events += other.events
        self.came += other.came
        self.settled += other.settled
        self.dead += other.dead
        self.retries += other.retries
        self.refused |= other.refused

    def conclude(self) -> None:
        """State and duration follow from the counts."""
        under_way = self.came > self.settled + self.dead
        self.seconds = None if under_way else (self.ended_at - self.started_at).total_seconds()
        if self.dead:
            self.state = Trace.State.DEAD
        elif under_way:
            self.state = Trace.State.UNDER_WAY
        else:
            self.state = Trace.State.REFUSED if self.refused else Trace.State.DONE


def logged(positions: Collection[int]) -> dict[int, Logged]:
    """These events, by position; without those that were archived meanwhile."""
    found: dict[int, Logged] = {}
    for some in chunked(sorted(positions), _EVENTS):
        events = Event.objects.filter(position__in=some).order_by()
        for row in events.values_list(*Logged._fields):
            found[row[0]] = Logged(*row)
    return found


def add(sums: Mapping[int, Sum], events: Mapping[int, Logged]) -> None:
    """Add what is told of positions to the rows of their traces."""
    grown: dict[UUID, _Row] = {}
    for position, told in sums.items():
        if event := events.get(position):
            _grow(grown, event, told)
    appended = [position for position, told in sums.items() if told.events and position in events]
    for name in _refusing(appended):
        grown[name].refused = True
    columns = [one.attname for one in Trace._meta.concrete_fields]
    for some in chunked(sorted(grown), rows.CHUNK):
        for values in Trace.objects.filter(correlation_id__in=some).values_list(*columns):
            grown[values[0]].join(_Row(*values))
        for name in some:
            grown[name].conclude()
        rows.write(Trace, [attrgetter(*columns)(grown[name]) for name in some])


def _refusing(positions: list[int]) -> set[UUID]:
    found = set[UUID]()
    for some in chunked(positions, _EVENTS):
        found |= refused(Event.objects.filter(position__in=some))
    return found


def refused(events: QuerySet[Event]) -> set[UUID]:
    """The traces of those of the events that report a "no" of the business."""
    conditions, fields = _refusals()
    if not conditions:
        return set()
    found = events.order_by().alias(**fields).filter(reduce(or_, conditions))
    return set(found.values_list("correlation_id", flat=True).distinct())


def _refusals() -> tuple[list[Q], dict[str, KeyTransform]]:
    conditions: list[Q] = []
    fields: dict[str, KeyTransform] = {}
    for declared in registry.event_types.values():
        if not declared.refusal:
            continue
        one = Q(type=declared.name)
        wanted = {} if isinstance(declared.refusal, bool) else declared.refusal
        for name, value in wanted.items():
            alias = f"refusal{len(fields)}"
            fields[alias] = KeyTransform(name, "data")
            one &= Q(**{alias: value})
        conditions.append(one)
    return conditions, fields


def _grow(grown: dict[UUID, _Row], event: Logged, told: Sum) -> None:
    one = _Row(
        correlation_id=event.correlation_id,
        first_position=event.position,
        began_with=event.type,
        stream=event.stream,
        producer=event.producer,
        started_at=event.recorded_at,
        ended_at=max(event.recorded_at, moment(told.ended)),
        last_position=event.position,
        events=told.events,
        came=told.came,
        settled=told.settled,
        dead=told.dead,
        retries=told.retries,
    )
    if before := grown.get(event.correlation_id):
        before.join(one)
    else:
        grown[event.correlation_id] = one
