"""Gauges by time: what waited for each processor, the most of it that was seen in each stretch.

Unlike figures they can't be made anew from the rows: what nobody looked at is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from flowdeck.history import rows
from flowdeck.history.figures import HOUR, MINUTE, beginning
from flowdeck.history.tally import FINEST
from flowdeck.models import Gauge

GRAINS = (FINEST, MINUTE, HOUR)
ALL = ""
"""The name under which all processors together stand."""


class Reading(NamedTuple):
    """How many deliveries wait, how many of them to be tried again, dead ones, seconds that the
    oldest waits."""

    waiting: int = 0
    retrying: int = 0
    dead: int = 0
    oldest: float = 0.0

    @property
    def calm(self) -> bool:
        """Whether there is nothing to tell."""
        return not any(self)

    def most(self, other: Reading) -> Reading:
        """The higher of each."""
        return Reading(
            max(self.waiting, other.waiting),
            max(self.retrying, other.retrying),
            max(self.dead, other.dead),
            max(self.oldest, other.oldest),
        )


NOTHING = Reading()


def is_due(now: datetime) -> bool:
    """Whether nobody has read the gauges of these ten seconds yet; one query."""
    at = beginning(FINEST, int(now.timestamp()))
    return not Gauge.objects.filter(grain=FINEST, at=at, processor=ALL).exists()


def note(now: datetime, readings: Mapping[str, Reading]) -> None:
    """Keep what was read of each processor, and of all together; two statements."""
    told = {name: one for name, one in readings.items() if not one.calm}
    told[ALL] = _together(list(told.values()))
    at = int(now.timestamp())
    sums = {
        (grain, beginning(grain, at), name): one for name, one in told.items() for grain in GRAINS
    }
    for grain, begin, name, *known in rows.read(Gauge, list(sums)):
        key = grain, begin, name
        sums[key] = sums[key].most(Reading(*known))
    rows.write(Gauge, [(*key, *one) for key, one in sorted(sums.items())])


def _together(all_of: list[Reading]) -> Reading:
    return Reading(
        sum(one.waiting for one in all_of),
        sum(one.retrying for one in all_of),
        sum(one.dead for one in all_of),
        max((one.oldest for one in all_of), default=0.0),
    )
