"""What one append sets and cancels of the timers: for each name, what is left of it in the end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from flowdeck.declare.timing import Cancel, When
from flowdeck.log.storable import checked_line, checked_stream, checked_time
from flowdeck.sql import EventRow
from flowdeck.sql.timing import TimerRow

_Name = tuple[str, str]


class Agenda:
    """Takes down in order what a transaction wants of timers, each name once.

    Whoever is cancelled and set again is cancelled first. What was set and is cancelled was never
    there.
    """

    def __init__(self) -> None:
        self._set: dict[_Name, TimerRow] = {}
        self._cancelled: dict[_Name, Cancel] = {}

    def put(self, event: EventRow, when: When) -> None:
        """Let ``event`` come then. Raises InvalidEnvelope."""
        scope = when.scope or event.stream
        name = (scope, checked_line("timer", when.name))
        if not when.replace and name in self._set:
            return
        at = checked_time("at", when.at) if when.at is not None else None
        self._set[name] = TimerRow(
            event=event,
            scope=scope,
            name=when.name,
            seconds=when.seconds,
            at=at,
            replace=when.replace,
            stale_at=when.stale_at,
        )

    def cancel(self, wanted: Cancel) -> None:
        """Let what has this name by now not come. Raises InvalidStream or InvalidEnvelope."""
        name = (checked_stream(wanted.stream), checked_line("timer", wanted.name))
        self._set.pop(name, None)
        self._cancelled[name] = wanted

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._set or self._cancelled)

    @property
    def rows(self) -> Iterator[TimerRow]:
        """What is to be set."""
        yield from self._set.values()

    @property
    def cancelled(self) -> Iterator[Cancel]:
        """What is to be cancelled before."""
        yield from self._cancelled.values()

    @property
    def streams(self) -> frozenset[str]:
        """The streams and keys whose heads are locked while it is set."""
        names = ((row.event.stream, row.event.key) for row in self._set.values())
        return frozenset(chain.from_iterable(names))
