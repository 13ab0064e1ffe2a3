"""How each processor is doing, in one word: what stands still is told from what is only busy.

A processor stands still if something could be done for a minute and nothing was: neither paused nor
behind a dead letter, nor waiting for its next try or for a time of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from flowdeck import words
from flowdeck.dashboard.shared.run_times import RunTimes
from flowdeck.declare.states import DeliveryState
from flowdeck.letters.held_back import Behind, held_back
from flowdeck.observe import current
from flowdeck.observe.gauges import Readings
from flowdeck.observe.overview import Overview, ProcessorRow

FAILING = 5.0
"""Per cent of the attempts of ten minutes from which on a processor is called failing."""
_LONG = timedelta(minutes=1)
_SOON = timedelta(seconds=5)  # what waits no longer is being worked off


class Trouble(IntEnum):
    """What is the matter, the worst first."""

    STOPPED = 0
    FAILING = 1
    HELD = 2
    DEAD = 3
    BEHIND = 4
    PAUSED = 5
    NONE = 6


_MARKS = {
    Trouble.STOPPED: DeliveryState.DEAD,
    Trouble.FAILING: DeliveryState.RETRYING,
    Trouble.HELD: DeliveryState.PARKED,
    Trouble.DEAD: DeliveryState.DEAD,
    Trouble.BEHIND: DeliveryState.RUNNING,
    Trouble.PAUSED: DeliveryState.PARKED,
    Trouble.NONE: DeliveryState.DONE,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """One processor. ``waiting`` is exact unless ``at_least``; ``growth`` is per second, None if
    that is not known. ``behind`` wait behind its dead letters."""

    row: ProcessorRow
    times: RunTimes | None
    trouble: Trouble
    waiting: int
    at_least: bool
    growth: float | None
    behind: int
    now: datetime

    @property
    def name(self) -> str:
        """Of the processor."""
        return self.row.name

    @property
    def mark(self) -> str:
        """The dot that says it."""
        return _MARKS[self.trouble]

    @property
    def stands_since(self) -> str:
        """For how long what waits for it has waited, in words."""
        oldest = self.row.oldest_at
        return words.long(round((self.now - oldest).total_seconds())) if oldest else ""

    @property
    def said(self) -> str:
        """It in words."""
        failed = self.times.failed if self.times and self.times.failed is not None else 0.0
        return {
            Trouble.STOPPED: "stands still",
            Trouble.FAILING: f"failing {failed:.0f} %",
            Trouble.HELD: "paused",
            Trouble.DEAD: f"{self.row.dead:,} dead",
            Trouble.BEHIND: "behind",
            Trouble.PAUSED: "paused",
            Trouble.NONE: "working" if self.waiting > self.row.sleeping else "up to date",
        }[self.trouble]

    @property
    def drained(self) -> str:
        """When what waits will be done, at the pace of the last two minutes."""
        if self.row.paused_at is not None:
            return "paused"
        return drained(self.waiting, self.row.oldest_at, self.growth, self.now)


def drained(waiting: int, oldest: datetime | None, growth: float | None, now: datetime) -> str:
    """When nothing will wait any more; a dash if that can't be known."""
    if not waiting or (oldest is not None and now - oldest < _SOON):
        return "now"
    if growth is None or oldest is None:
        return "–"
    if growth >= 0:
        return "grows" if growth else "not at this rate"
    return f"in {words.long(max(1, round(waiting / -growth)))}"


def standings(
    overview: Overview, times: Mapping[str, RunTimes], lately: Readings
) -> list[Standing]:
    """All processors, those in trouble first, of them those first that most waits for.

    One query, if there are dead letters.
    """
    held = held_back("processor") if any(row.dead for row in overview.rows) else None
    behind = held.groups if held and not held.bounded else {}
    found = [
        _standing(row, times.get(row.name), lately, behind.get(row.name, Behind()), overview.as_of)
        for row in overview.rows
    ]
    return sorted(found, key=lambda one: (one.trouble, -one.waiting, one.name))


def _standing(
    row: ProcessorRow, times: RunTimes | None, lately: Readings, behind: Behind, now: datetime
) -> Standing:
    waiting, at_least = row.waiting, row.at_least
    gauge = lately.newest(row.name) if at_least else None
    if gauge is not None and gauge.waiting > waiting:
        waiting, at_least = gauge.waiting, gauge.waiting >= current.READ
    return Standing(
        row=row,
        times=times,
        trouble=_trouble(row, times, behind, now),
        waiting=waiting,
        at_least=at_least,
        growth=lately.per_second(row.name),
        behind=behind.waiting,
        now=now,
    )


def _trouble(row: ProcessorRow, times: RunTimes | None, behind: Behind, now: datetime) -> Trouble:
    if row.paused_at is not None:
        return Trouble.HELD if row.waiting else Trouble.PAUSED
    late = row.oldest_at is not None and row.oldest_at < now - _LONG
    free = row.waiting - row.retrying - row.sleeping - behind.waiting
    if times is not None and (times.failed or 0.0) >= FAILING:
        return Trouble.FAILING
    if late and free > 0 and row.per_second == 0:
        return Trouble.STOPPED
    if row.dead:
        return Trouble.DEAD
    return Trouble.BEHIND if late and free > 0 else Trouble.NONE
