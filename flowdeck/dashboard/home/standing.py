"""Everything the first page tells, read once in a constant number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from flowdeck import words
from flowdeck.connect import standing as connect
from flowdeck.connect.standing import Standing as ConnectorStanding
from flowdeck.dashboard.home.changes import Change, changes
from flowdeck.dashboard.home.needs import MOST, Facts, Need, needs
from flowdeck.dashboard.home.parts import Parts
from flowdeck.dashboard.home.pulse import Pulse
from flowdeck.dashboard.shared import standing
from flowdeck.dashboard.shared.plots import Curve, curve
from flowdeck.dashboard.shared.run_times import RunTimes, run_times
from flowdeck.dashboard.shared.standing import Standing, Trouble
from flowdeck.history.figures import MINUTE
from flowdeck.history.gauges import ALL
from flowdeck.letters.groups import Group, groups
from flowdeck.models import AlertRule, Timer
from flowdeck.observe import gauges, timers
from flowdeck.observe.gauges import Readings
from flowdeck.observe.overview import Overview, overview
from flowdeck.observe.timers import Agenda

_LINE = timedelta(minutes=30)
_LINE_HEIGHT = 24
_SHOWN = 6  # processors with a row of their own
_NEXT = 5  # timers
_NUMBERS = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"]


@dataclass(frozen=True)
class Home:
    """The page for somebody who may see these parts; at most 36 queries."""

    parts: Parts

    @cached_property
    def overview(self) -> Overview:
        """Processors and workers as they are."""
        return overview()

    @cached_property
    def standings(self) -> list[Standing]:
        """Processors, those in trouble first."""
        return standing.standings(self.overview, self._times, self._lately)

    @cached_property
    def needs(self) -> list[Need]:
        """All that needs a person."""
        loud = [rule for rule in self._alerts if not rule.is_muted]
        open_ = [group for group in self._groups if group.standing == "open"]
        return needs(Facts(self.overview, self.standings, loud, open_, self.connectors))

    @property
    def first_needs(self) -> list[Need]:
        """Those that are shown."""
        return self.needs[:MOST]

    @property
    def more_needs(self) -> int:
        """How many are not."""
        return max(0, len(self.needs) - MOST)

    @property
    def verdict(self) -> str:
        """Whether all is well, in one sentence."""
        number = len(self.needs)
        if not number:
            return "All is well."
        said = _NUMBERS[number] if number < len(_NUMBERS) else f"{number:,}"
        return f"{said} {words.noun(number, 'thing needs', 'things need')} a person."

    @property
    def sentence(self) -> str:
        """What is known of it, in another."""
        totals = self.overview.totals
        if not totals.waiting:
            waits = "Nothing waits"
        else:
            more = "+" if self.at_least else ""
            number = f"{self.waiting:,}{more} {words.noun(self.waiting, 'delivery', 'deliveries')}"
            waits = f"{number} {words.noun(self.waiting, 'waits', 'wait')}"
            if totals.oldest_at:
                waits += f", the oldest for {words.age(totals.oldest_at)}"
        dead = "no letter is dead" if not totals.dead else ""
        if dead == "" and "letters" in self.parts:
            dead = f"{words.counted(totals.dead, 'letter is', 'letters are')} dead"
        paused = sum(one.row.paused_at is not None for one in self.standings)
        held = words.counted(paused, "processor is", "processors are") + " paused"
        said = [waits, dead, held if paused else "nothing is paused"]
        return f"{words.listed(filter(None, said))}."

    @property
    def waiting(self) -> int:
        """Deliveries that wait, of all processors."""
        return sum(one.waiting for one in self.standings)

    @property
    def at_least(self) -> bool:
        """Whether that is only the lower bound."""
        return any(one.at_least for one in self.standings)

    @property
    def growth(self) -> float | None:
        """How many more wait per minute; None if that is not known."""
        per_second = self._lately.per_second(ALL)
        return None if per_second is None else per_second * 60

    @property
    def outlook(self) -> str:
        """When nothing will wait any more; empty if nothing waits, or it grows."""
        oldest, per_second = self.overview.totals.oldest_at, self._lately.per_second(ALL)
        done = standing.drained(self.waiting, oldest, per_second, self.overview.as_of)
        return f"done {done}" if self.waiting and done.startswith("in ") else ""

    @property
    def troubled(self) -> list[Standing]:
        """Processors with a row of their own: those in trouble, and the busiest."""
        return [one for one in self.standings if one.trouble < Trouble.NONE or one.waiting][:_SHOWN]

    @property
    def others(self) -> list[Standing]:
        """The others."""
        shown = {one.name for one in self.troubled}
        return [one for one in self.standings if one.name not in shown]

    @cached_property
    def board(self) -> list[Standing]:
        """All processors by name: each keeps its place, so a change of shape is seen."""
        return sorted(self.standings, key=lambda one: one.name)

    @cached_property
    def lines(self) -> dict[str, Curve]:
        """What waited in the last half hour for each processor that is shown with it."""
        now = self.overview.as_of
        charts = (need.chart for need in self.first_needs if need.chart)
        names = {*charts, *(one.name for one in self.troubled)}
        read = gauges.between(now - _LINE, now, MINUTE, names)
        first, last = int((now - _LINE).timestamp()) // MINUTE, int(now.timestamp()) // MINUTE
        return {
            name: curve(
                [
                    found.waiting if (found := read.of(name, at * MINUTE)) else None
                    for at in range(first, last + 1)
                ],
                _LINE_HEIGHT,
                top=10.0,
            )
            for name in names
        }

    @cached_property
    def pulse(self) -> Pulse:
        """Curves of a day."""
        return Pulse(self.overview.as_of)

    @cached_property
    def changes(self) -> list[Change]:
        """What changed lately."""
        now, may_audit = self.overview.as_of, "audit" in self.parts
        return changes(now, self._alerts, self._groups, with_audit=may_audit)

    @cached_property
    def agenda(self) -> Agenda:
        """What is to come, by minute."""
        return timers.agenda()

    @cached_property
    def due(self) -> list[Timer]:
        """The next timers."""
        return timers.due_next(timers.Wanted(), most=_NEXT).rows

    @property
    def due_bars(self) -> list[tuple[float, float, float]]:
        """x, y and height of each minute of the next hour that has any; box of 300 by 26."""
        most = max(self.agenda.minutes, default=0) or 1
        return [
            (n * 5.0, round(26 - number / most * 26, 1), round(number / most * 26, 1))
            for n, number in enumerate(self.agenda.minutes)
            if number
        ]

    @cached_property
    def connectors(self) -> list[ConnectorStanding]:
        """How far they are; none for who may not see them."""
        return connect.standings() if "connectors" in self.parts else []

    @cached_property
    def _alerts(self) -> list[AlertRule]:
        if "alerts" not in self.parts:
            return []
        firing = AlertRule.objects.filter(firing_since__isnull=False)
        return list(firing.order_by("-firing_since"))

    @cached_property
    def _groups(self) -> list[Group]:
        return groups() if "letters" in self.parts else []

    @cached_property
    def _times(self) -> dict[str, RunTimes]:
        return run_times()

    @cached_property
    def _lately(self) -> Readings:
        return gauges.lately(self.overview.as_of)
