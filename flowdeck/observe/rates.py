"""What was done lately, by whom, from the figures that the engine keeps: true under any backlog.

Figures are those of whole stretches of time, so a minute is one of 60 to 70 seconds; a window says
of how many. What nobody has folded yet (:mod:`flowdeck.history.fold`) is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Max, Q, Sum

from flowdeck import clock
from flowdeck.history import figures, fold
from flowdeck.history.figures import HOUR, MINUTE
from flowdeck.history.tally import FINEST, Facts
from flowdeck.models import Handled, Produced

_SHORT, _LONG = 5 * MINUTE, 2 * HOUR  # the longest windows by ten seconds, and by minutes


@dataclass(frozen=True, slots=True)
class Window:
    """Stretches of ``grain`` seconds from ``since`` to ``until``, as far as they are known.

    ``until`` is not after ``since`` if nothing is.
    """

    grain: int
    since: datetime
    until: datetime

    @property
    def seconds(self) -> float:
        """How many seconds the figures tell of; 0 if nothing is known."""
        return max(0.0, (self.until - self.since).total_seconds())

    def per_second(self, number: int) -> float | None:
        """A rate; None if nothing is known."""
        return number / self.seconds if self.seconds else None

    @property
    def rows(self) -> Q:
        """The condition on figures of this window."""
        first = figures.beginning(self.grain, int(self.since.timestamp()))
        return Q(grain=self.grain, at__gte=first, at__lt=int(self.until.timestamp()) + 1)


def lately(seconds: float, now: datetime | None = None) -> Window:
    """At least the last so many seconds; one query."""
    now = now or clock.now()
    return between(now - timedelta(seconds=seconds), now)


def between(since: datetime, until: datetime, grain: int = 0) -> Window:
    """From the stretch in which ``since`` lies; one query. The grain is as fine as can be read
    fast, unless it is given."""
    length = (until - since).total_seconds()
    grain = grain or (FINEST if length < _SHORT else MINUTE if length <= _LONG else HOUR)
    begin = figures.beginning(grain, int(since.timestamp()))
    known = fold.known()
    first = datetime.fromtimestamp(begin, UTC)
    if known.since is not None:
        first = max(first, known.since)
    return Window(grain, first, min(until, known.until or until))


@dataclass(frozen=True, slots=True)
class Done:
    """How many deliveries each processor finished, and a moment after which none was."""

    by: dict[str, int]
    last_at: datetime | None


def done(window: Window) -> Done:
    """Of all processors; one query."""
    rows = Handled.objects.filter(window.rows, done__gt=0).values_list("processor").order_by()
    found = list(rows.annotate(n=Sum("done"), last=Max("at")))
    last = max((row[2] for row in found), default=None)
    ended = None if last is None else datetime.fromtimestamp(last + window.grain, UTC)
    return Done({name: number for name, number, _ in found}, ended)


def handled(window: Window, only: str = "") -> dict[str, Facts]:
    """All that is known of each processor, or of that one; one query."""
    found: dict[str, Facts] = {}
    names = [one.attname for one in Handled._meta.concrete_fields][2:]
    rows = Handled.objects.filter(window.rows, **({"processor": only} if only else {}))
    for processor, _, *columns in rows.values_list(*names):
        figures.add(found.setdefault(processor, Facts()), figures.loaded(columns))
    return found


def received(window: Window) -> dict[tuple[str, str], int]:
    """How many deliveries of each type each processor finished; one query."""
    rows = Handled.objects.filter(window.rows).values_list("type", "processor").order_by()
    return {(name, by): n for name, by, n in rows.annotate(n=Sum("done"))}


def produced(window: Window) -> dict[tuple[str, str], int]:
    """How many events of each type each producer appended; one query."""
    rows = Produced.objects.filter(window.rows).values_list("type", "producer").order_by()
    return {(name, by): n for name, by, n in rows.annotate(total=Sum("n"))}
