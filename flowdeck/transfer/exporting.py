"""The log, or a part of it, as lines of CloudEvents: read in chunks, in order of position."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flowdeck.database import connection
from flowdeck.declare.event import StoredEvent
from flowdeck.errors import FlowdeckError
from flowdeck.log import positions
from flowdeck.log.horizon import settled_position
from flowdeck.privacy.masking import ERASED, masked
from flowdeck.privacy.sealing import gone, readable
from flowdeck.sql import dialect
from flowdeck.transfer.cloudevents import dumped

CHUNK = 1_000
_PATIENCE = 60.0

Line = Callable[[StoredEvent, frozenset[str]], str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which events: all conditions together. Positions are inclusive, times from (incl.) to."""

    correlation_id: UUID | None = None
    stream: str | None = None
    first: int | None = None
    last: int | None = None
    since: datetime | None = None
    before: datetime | None = None


def export(chosen: Chosen, line: Line | None = None, *, upto: int | None = None) -> Iterator[str]:
    """The lines of what was chosen; ``line`` says how each is written (as it is stored).

    Goes up to a settled position (or ``upto``), so that nothing is left out in the middle. Raises
    FlowdeckError if a transaction keeps the log from being settled.
    """
    if upto is None and (upto := settled_position(_PATIENCE)) is None:
        raise FlowdeckError(
            f"A transaction has been open for more than {_PATIENCE:.0f} s and may still add events "
            "in the middle of the log: end it, then export again."
        )
    write = line or as_stored
    for events in chunks(chosen, upto):
        missing = gone([event.payload for event in events]) if write is as_masked else frozenset()
        for event in events:
            yield write(event, missing) + "\n"


def as_stored(event: StoredEvent, missing: frozenset[str]) -> str:
    """With personal values sealed: only where their keys are can they be read."""
    return dumped(event)


def as_masked(event: StoredEvent, missing: frozenset[str]) -> str:
    """With personal values masked; such a file can't be imported."""
    shown = masked(event.type, event.payload, missing)
    return dumped(event, shown, masked=shown != event.payload)


def as_revealed(event: StoredEvent, missing: frozenset[str]) -> str:
    """With personal values in plain text; they are sealed anew where it is imported."""
    return dumped(event, readable(event.type, event.payload, ERASED))


def chunks(chosen: Chosen, upto: int) -> Iterator[list[StoredEvent]]:
    """The chosen events up to a position, as they are stored, so many at a time."""
    conditions, values = _conditions(chosen)
    after = max((chosen.first or 1) - 1, _start(chosen.since) - 1)
    last = min(upto, chosen.last or upto)
    where = " AND ".join(["position > %s", "position <= %s", *conditions])
    while True:
        with connection.cursor() as cursor:
            events = dialect().select_events(
                cursor,
                f"WHERE {where} ORDER BY position LIMIT {CHUNK}",
                [after, last, *values],
                as_written=True,
            )
        if events:
            yield events
        if len(events) < CHUNK:
            return
        after = events[-1].position


def _conditions(chosen: Chosen) -> tuple[list[str], Sequence[Any]]:
    adapt = connection.ops.adapt_datetimefield_value
    given: dict[str, Any] = {
        "stream = %s": chosen.stream,
        "correlation_id = %s": chosen.correlation_id and _uuid(chosen.correlation_id),
        "recorded_at >= %s": chosen.since and adapt(chosen.since),
        "recorded_at < %s": chosen.before and adapt(chosen.before),
    }
    found = {condition: value for condition, value in given.items() if value is not None}
    return list(found), list(found.values())


def _uuid(value: UUID) -> Any:
    return value if connection.vendor == "postgresql" else value.hex


def _start(since: datetime | None) -> int:
    return 1 if since is None else positions.first_since(since - positions.SLACK)
