"""The days of an objective as bars: as high as traces began, those that missed it on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flowdeck.objectives.standing import Count

HEIGHT = 40
WIDTH = 8
"""Of a day, its gap included."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A day in UTC: where it stands, how much of it got there and how much did not, in pixels."""

    day: str
    count: Count
    x: int
    reached_y: float
    reached_height: float
    missed_y: float
    missed_height: float


def bars(days: Sequence[tuple[datetime, Count]]) -> list[Bar]:
    """One for each day. What missed is a pixel high at least: it is what the page is about."""
    most = max((count.begun for _, count in days), default=0) or 1
    found = []
    for number, (at, count) in enumerate(days):
        reached = round(HEIGHT * count.reached / most, 1)
        missed = max(1.0, round(HEIGHT * count.missed / most, 1)) if count.missed else 0.0
        reached = min(reached, HEIGHT - missed)
        top = HEIGHT - reached
        found.append(
            Bar(f"{at.date()} UTC", count, number * WIDTH, top, reached, top - missed, missed)
        )
    return found
