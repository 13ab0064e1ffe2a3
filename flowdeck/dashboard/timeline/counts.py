"""Counts of what happened when: of a few rows one by one, of many from the figures that are kept.

A delivery counts when it ended, however old its event is, so a processor that works off a backlog
is seen to work. Figures are by ten seconds at best; what is counted says what its bins are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Model, QuerySet, Sum

from flowdeck.dashboard.shared.clockwork import Bin
from flowdeck.declare.states import DeliveryState
from flowdeck.history.figures import MINUTE
from flowdeck.history.tally import FINEST
from flowdeck.log.positions import SLACK, first_since
from flowdeck.models import Attempt, Done, Due, Event, Handled, Produced
from flowdeck.observe import rates
from flowdeck.observe.rates import Window

FEW = 5_000
"""Rows of a kind that are counted one by one at most."""

_LATE = timedelta(seconds=5)

Counts = Counter[tuple[str, int]]
"""By producer or processor, and number of the bin."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Events of producers, deliveries that processors finished, attempts that failed and those of
    them that left a dead letter, in bins of ``step`` seconds. ``cut``: the beginning is not known.
    ``late`` is up to when all is counted, if that is long ago."""

    step: int
    events: Counts
    done: Counts
    failed: Counts
    dead: Counts
    cut: bool = False
    late: datetime | None = None

    @property
    def whole(self) -> bool:
        """Whether that is all there was."""
        return not self.cut and self.late is None


def counted(since: datetime, until: datetime, step: int) -> Counted:
    """What happened between two moments, in bins of ``step`` seconds, or of ten if there is much.

    Of rows six queries at most, of figures three.
    """
    if step < MINUTE and (few := _few(since, until, step)) is not None:
        return few
    return _kept(rates.between(since, until, MINUTE if step >= MINUTE else FINEST), since, until)


def _few(since: datetime, until: datetime, step: int) -> Counted | None:
    """From the rows; None if there are too many."""
    low, high = first_since(since - SLACK), first_since(until + SLACK)
    stretch = {"position__gte": low, "position__lt": high}
    recorded = Event.objects.filter(**stretch, recorded_at__gte=since, recorded_at__lt=until)
    ended = {"finished_at__gte": since, "finished_at__lt": until}
    found = []
    for rows, name, moment in (
        (recorded, "producer", "recorded_at"),
        (Done.objects.filter(**ended), "processor", "finished_at"),
        (Attempt.objects.filter(**ended), "processor", "finished_at"),
        (Due.objects.filter(state=DeliveryState.DEAD, **ended), "processor", "finished_at"),
    ):
        bins = _bins(rows, name, Bin(moment, step))
        if bins is None:
            return None
        found.append(bins)
    events, done, failed, dead = found
    return Counted(step, events, done, failed, dead)


def _bins(rows: QuerySet[Any], name: str, bin: Bin) -> Counts | None:
    chosen = rows.order_by().annotate(bin=bin).values_list(name, "bin")
    found = list(chosen[: FEW + 1])
    return Counter(found) if len(found) <= FEW else None


def _kept(window: Window, since: datetime, until: datetime) -> Counted:
    [events] = _sums(Produced, window, "producer", F("n"))
    numbers = (F("done"), F("failed") + F("rejected"), F("dead"))
    done, failed, dead = _sums(Handled, window, "processor", *numbers)
    return Counted(
        step=window.grain,
        events=events,
        done=done,
        failed=failed,
        dead=dead,
        cut=window.since > since,
        late=window.until if window.until < until - _LATE else None,
    )


def _sums(model: type[Model], window: Window, name: str, *numbers: Any) -> list[Counts]:
    """Of each number; one query."""
    rows = model._default_manager.filter(window.rows).order_by().values_list(name, "at")
    sums = {f"total_{n}": Sum(number) for n, number in enumerate(numbers)}
    found: list[Counts] = [Counter() for _ in numbers]
    for who, at, *totals in rows.annotate(**sums):
        for counts, total in zip(found, totals, strict=True):
            if total:
                counts[who, at // window.grain] += total
    return found
