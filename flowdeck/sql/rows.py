"""What goes into the statements of the hot path, and what comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from flowdeck.declare.event import StoredEvent
from flowdeck.declare.outside import Answers
from flowdeck.telemetry import AppendedEvent


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event ready for INSERT. ``ordinal`` counts those of its stream in one append, from 1.

    ``occurred_at`` is None for what happens as it is recorded.
    """

    id: UUID
    stream: str
    ordinal: int
    type: str
    version: int
    data: str
    metadata: str
    key: str
    slot: int
    correlation_id: UUID
    causation_id: UUID | None
    producer: str
    occurred_at: datetime | None


DeliveryRow = tuple[int, str, int]  # position, key, slot


class Place(NamedTuple):
    """Where an event stands in the log and in its stream, and the database's time of that."""

    position: int
    sequence: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class LaneRow:
    """A claimed lane. ``lowered``: how often its floor was lowered so far.

    ``settled`` is a position up to which the log is complete.
    """

    id: int
    first_slot: int
    last_slot: int
    claims: int
    suspect: int | None
    lowered: int = 0
    settled: int = 0


class Left(NamedTuple):
    """A lane that is kept no longer, and from where on it has work, unless it was ``lowered``."""

    lane: int
    floor: int
    lowered: int


@dataclass(slots=True)
class DueDelivery:
    """A delivery that is due, with its event; with ``answers`` where these are kept.

    ``unheard``: the worker's code has its processor not hear such events; it waits for one whose
    code has, or none has any more.
    """

    attempts: int
    event: StoredEvent
    answers: Answers | None = None
    unheard: Literal["", "waits", "gone"] = ""

    @property
    def position(self) -> int:
        """That of its event, which names it among those of its processor."""
        return self.event.position


class Taken(NamedTuple):
    """What is due on lanes. ``floors``: by lane, below it nothing else is due, or will be by time.

    Only lanes that something is due on are in it. On SQLite it is empty.
    """

    due: list[DueDelivery]
    floors: dict[int, int]


@dataclass(slots=True)
class Mark:
    """The new state of a delivery. ``due_in`` is seconds from now; ``attempts`` the new count.

    ``fingerprint`` is given when it becomes a dead letter; else the one it has stays.
    """

    position: int
    state: str
    attempts: int
    due_in: float | None
    started_at: datetime
    finished_at: datetime
    fingerprint: str | None = None


def told_of(rows: Iterable[EventRow], places: Mapping[UUID, Place]) -> tuple[AppendedEvent, ...]:
    """What listeners learn of rows that were appended at these places."""
    return tuple(
        AppendedEvent(
            places[row.id].position,
            row.type,
            row.stream,
            row.correlation_id,
            places[row.id].recorded_at,
        )
        for row in rows
    )
