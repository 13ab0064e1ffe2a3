"""Counts of what is long past, kept between looks: an open page asks for them twice a second."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from flowdeck.dashboard.timeline.counts import Counts, Stretch

_KEPT = 8  # windows of different lengths or ends that people look at


@dataclass(frozen=True, slots=True)
class Past:
    """Counts of the bins of ``step`` seconds from ``since`` to ``until``.

    Of what is older than ``whole`` not all is counted.
    """

    step: int
    since: datetime
    until: datetime
    whole: datetime
    events: Counts
    settled: Counts

    @property
    def cut(self) -> bool:
        """Whether its beginning is left out."""
        return self.since < self.whole

    def part(self, since: datetime, until: datetime) -> Past:
        """The bins between two moments that it covers."""
        bins = range(_bin(since, self.step), _bin(until, self.step))
        events, settled = (
            {key: n for key, n in counts.items() if key[1] in bins}
            for counts in (self.events, self.settled)
        )
        return Past(
            step=self.step,
            since=since,
            until=until,
            whole=self.whole,
            events=events,
            settled=settled,
        )

    def grown(self, until: datetime) -> Past | None:
        """The same and what came after it, four queries; None if that is too much to count."""
        stretch = Stretch.of(self.until, until, self.step)
        if stretch.cut:
            return None
        events = self.events | stretch.events()
        settled = self.settled | stretch.late().deliveries()
        return Past(
            step=self.step,
            since=self.since,
            until=until,
            whole=self.whole,
            events=events,
            settled=settled,
        )


_kept: deque[Past] = deque(maxlen=_KEPT)


def past(since: datetime, until: datetime, step: int) -> Past:
    """The counts between two beginnings of bins; four queries at most.

    Nothing may be recorded any more for those times. What is kept of an earlier call is not counted
    again, so a window that moves with the clock costs only its newest bins. A delivery that is done
    again later stays in the bin in which it ended when that was counted, too.
    """
    for kept in tuple(_kept):
        if kept.step == step and kept.since <= since <= kept.until:
            if until <= kept.until:
                return kept.part(since, until)
            grown = kept.grown(until)
            if grown is not None:
                return _keep(grown.part(since, until), instead_of=kept)
    return _keep(_counted(since, until, step))


def forget() -> None:
    """Count afresh from now on."""
    _kept.clear()


def _counted(since: datetime, until: datetime, step: int) -> Past:
    stretch = Stretch.of(since, until, step)
    events, settled = stretch.events(), stretch.late().deliveries()
    whole = since
    if stretch.cut:  # the first bin that has events may have only some of them
        first = min((bin for _, bin in events), default=_bin(until, step))
        whole = datetime.fromtimestamp((first + 1) * step, UTC)
    return Past(step=step, since=since, until=until, whole=whole, events=events, settled=settled)


def _keep(found: Past, instead_of: Past | None = None) -> Past:
    if instead_of is not None:
        with suppress(ValueError):  # another request has grown it too
            _kept.remove(instead_of)
    _kept.append(found)
    return found


def _bin(moment: datetime, step: int) -> int:
    return int(moment.timestamp()) // step
