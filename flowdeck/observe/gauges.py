"""What waited for whom and when, from the gauges that are read every ten seconds.

What nobody read is not known: None, which pages show as a gap or a dash.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flowdeck.history.figures import beginning
from flowdeck.history.gauges import ALL, NOTHING, Reading
from flowdeck.history.tally import FINEST
from flowdeck.models import Gauge

_LATELY = timedelta(minutes=2)
_ENOUGH = 30  # seconds between two readings that a trend is told from


@dataclass(frozen=True, slots=True)
class Readings:
    """By beginning of the stretches of ``grain`` seconds that were looked at, and by processor."""

    grain: int
    at: Sequence[int]
    by: dict[str, dict[int, Reading]]

    def of(self, name: str, at: int) -> Reading | None:
        """What was seen in a stretch; None if nobody looked."""
        if at not in self.by.get(ALL, {}):
            return None
        return self.by.get(name, {}).get(at, NOTHING)

    def newest(self, name: str) -> Reading | None:
        """The last one; None if there is none."""
        return self.of(name, self.at[-1]) if self.at else None

    def per_second(self, name: str) -> float | None:
        """How fast what waits grows, between the first and the last; None if that is not known."""
        if not self.at or self.at[-1] - self.at[0] < _ENOUGH:
            return None
        first, last = self.of(name, self.at[0]), self.of(name, self.at[-1])
        assert first is not None
        assert last is not None
        return (last.waiting - first.waiting) / (self.at[-1] - self.at[0])


def between(
    since: datetime, until: datetime, grain: int, names: Iterable[str] | None = None
) -> Readings:
    """From the stretch in which ``since`` lies; of all, or only of these processors; one query."""
    first = beginning(grain, int(since.timestamp()))
    rows = Gauge.objects.filter(grain=grain, at__gte=first, at__lt=int(until.timestamp()) + 1)
    if names is not None:
        rows = rows.filter(processor__in=[ALL, *names])
    by: dict[str, dict[int, Reading]] = defaultdict(dict)
    for row in rows.order_by("at"):
        reading = Reading(row.waiting, row.retrying, row.dead, row.oldest)
        by[row.processor][row.at] = reading
    return Readings(grain, sorted(by.get(ALL, {})), dict(by))


def lately(now: datetime, names: Iterable[str] | None = None) -> Readings:
    """The last two minutes, by ten seconds; of all, or only of these processors; one query."""
    return between(now - _LATELY, now, FINEST, names)
