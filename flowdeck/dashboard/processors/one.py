"""One processor: how it is, since when, what waits and why, and what was changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import QuerySet

from flowdeck.dashboard.processors.gathered import Gathered, gathered
from flowdeck.dashboard.processors.lanes import LaneBar, lane_bars
from flowdeck.dashboard.shared import standing
from flowdeck.dashboard.shared.by_time import A_DAY, A_WEEK, AN_HOUR, Scale, Stretch, of_processor
from flowdeck.dashboard.shared.failures import newest_of_each
from flowdeck.dashboard.shared.plots import Span
from flowdeck.dashboard.shared.run_times import QUIET, RunTimes, run_times
from flowdeck.dashboard.shared.standing import Standing
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.states import UNFINISHED, among
from flowdeck.models import Attempt, AuditEntry, Produced, Release
from flowdeck.observe import gauges, rates
from flowdeck.observe.overview import Overview, overview
from flowdeck.sql.parts import rows

SCALES: dict[str, Scale] = {"1h": AN_HOUR, "24h": A_DAY, "7d": A_WEEK}
USUAL = "24h"
_ERRORS = 6
_RELEASES = 3
_FIRST = timedelta(hours=2)  # of a release that its figures are of
_ENTRIES = 8
_IN_GROUPS = 10_000
_GROUPS = f"""
SELECT grp, count(*) FROM (
  SELECT grp FROM flowdeck_due
  WHERE processor = %s AND grp IS NOT NULL AND state {among(*UNFINISHED)} LIMIT {_IN_GROUPS}) AS d
GROUP BY grp ORDER BY count(*) DESC, grp LIMIT 20
"""
_PAUSES = 200  # switches looked at for the grounds of the charts


@dataclass(frozen=True, slots=True)
class Reason:
    """Why so many wait: a dot, words, and where more is told."""

    mark: str
    number: int
    said: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class OfRelease:
    """What the processor did in the first hours of a release; ``times`` are of these."""

    release: Release
    times: RunTimes


@dataclass(frozen=True)
class ProcessorPage:
    """The page of one; at most 32 queries."""

    name: str
    window: str = USUAL

    @property
    def declared(self) -> Processor:
        """As it stands in the code. Raises UnknownProcessor."""
        return registry.processor(self.name)

    @cached_property
    def overview(self) -> Overview:
        """All processors and workers."""
        return overview()

    @cached_property
    def standing(self) -> Standing:
        """How it is doing."""
        rows = [row for row in self.overview.rows if row.name == self.name]
        lately = gauges.lately(self.overview.as_of, [self.name])
        mine = replace(self.overview, rows=rows)
        [found] = standing.standings(mine, run_times(only=self.name), lately)
        return found

    @property
    def times(self) -> RunTimes:
        """Waits, runs and failures of the last ten minutes."""
        return self.standing.times or QUIET

    @cached_property
    def stretch(self) -> Stretch:
        """Its history."""
        return of_processor(self.name, SCALES[self.window], self.overview.as_of)

    @cached_property
    def pauses(self) -> list[tuple[float, float]]:
        """Place and width, in percent, of each time that it was paused."""
        return list(_grounds(self.stretch.span, self._switches))

    @cached_property
    def reasons(self) -> list[Reason]:
        """What waits, and why: who waits for what, in the order of how it ends."""
        one, row = self.standing, self.standing.row
        free = max(0, one.waiting - row.retrying - row.sleeping - one.behind)
        if row.paused_at is not None:
            said = f"until somebody resumes it: paused by {row.paused_by}, {row.pause_reason}"
            return [Reason("parked", one.waiting, said)]
        said = f"for a free lane: {row.held} of {row.lanes} are held"
        if one.trouble is standing.Trouble.STOPPED:
            said = "and nobody takes them: work is due and none was done for a minute"
        found = [
            Reason("retrying", row.retrying, "for their next try"),
            Reason("sleeping", row.sleeping, self._sleeps),
            Reason("parked", one.behind, "behind a dead letter of their key"),
            Reason("dead" if one.mark == "dead" and not row.dead else "pending", free, said),
        ]
        return [reason for reason in found if reason.number]

    @property
    def _sleeps(self) -> str:
        if self.declared.gather is not None:
            return "until their key is quiet, or for the time that their handler asked for"
        return "for the time that their handler asked for"

    @cached_property
    def gathered(self) -> list[Gathered]:
        """Keys that it gathers, if it does."""
        return gathered(self.declared)

    @cached_property
    def groups(self) -> list[tuple[str, int]]:
        """The groups of its limits that most of the first 10,000 wait in."""
        if not self.declared.limited_by:
            return []
        return [(str(name), int(count)) for name, count in rows(_GROUPS, [self.name])]

    @property
    def groups_cut(self) -> bool:
        """Whether more wait than were looked at."""
        return sum(count for _, count in self.groups) >= _IN_GROUPS

    @cached_property
    def errors(self) -> list[tuple[Attempt, int]]:
        """The newest failure of each kind."""
        return newest_of_each(self.name, _ERRORS)

    @cached_property
    def lanes(self) -> list[LaneBar]:
        """What waits in each lane."""
        return lane_bars(self.name, self.standing.row.lane_states)

    @cached_property
    def says(self) -> list[str]:
        """Types of the events that it appended."""
        rows = Produced.objects.filter(grain=0, producer=self.name).order_by("type")
        return list(rows.values_list("type", flat=True).distinct())

    @cached_property
    def releases(self) -> list[OfRelease]:
        """The newest releases, each by its first two hours at most."""
        rows = list(Release.objects.order_by("-first_seen_at")[:_RELEASES])
        ends = [self.overview.as_of, *(row.first_seen_at for row in rows)]
        return [
            OfRelease(row, _times(self.name, row.first_seen_at, end))
            for row, end in zip(rows, ends, strict=False)
        ]

    @cached_property
    def entries(self) -> list[AuditEntry]:
        """What people did to it, the newest first."""
        return list(self._audit[:_ENTRIES])

    @cached_property
    def _switches(self) -> list[tuple[datetime, str]]:
        """Pauses and ends of pauses, the oldest first."""
        rows = self._audit.filter(action__in=["pause", "resume"], allowed=True)
        return list(rows.values_list("at", "action")[:_PAUSES])[::-1]

    @property
    def _audit(self) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.filter(target=f"processor {self.name}").order_by("-id")


def _times(name: str, since: datetime, end: datetime) -> RunTimes:
    window = rates.between(since, min(end, since + _FIRST))
    return run_times(window, only=name).get(name, QUIET)


def _grounds(span: Span, switches: list[tuple[datetime, str]]) -> Iterator[tuple[float, float]]:
    """Place and width of each stretch from a pause to its end."""
    begin: datetime | None = None
    for at, action in [*switches, (span.until, "")]:
        if action == "pause":
            begin = begin or at
        elif begin is not None:
            left, right = max(0.0, span.x(begin)), min(100.0, span.x(at))
            if right > left:
                yield left, round(right - left, 2)
            begin = None
