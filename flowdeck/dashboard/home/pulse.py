"""The pulse: events, failures, what waits and how long it takes, of a day and a half hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from flowdeck.dashboard.shared.by_time import A_DAY, HALF_HOUR, Stretch, of_all
from flowdeck.history import figures
from flowdeck.history.figures import MINUTE
from flowdeck.history.sketch import quantile
from flowdeck.history.tally import Facts
from flowdeck.observe import rates
from flowdeck.observe.rates import Window

_LATELY = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class Lately:
    """The figures of the last ten minutes; None for what is not known."""

    events_per_second: float | None
    attempts: int
    failed: int
    p50: float | None
    p99: float | None

    @property
    def share(self) -> float | None:
        """Per cent of the attempts that failed; None without attempts."""
        return 100 * self.failed / self.attempts if self.attempts else None


@dataclass(frozen=True)
class Pulse:
    """All of it, as of ``now``; sixteen queries."""

    now: datetime

    @cached_property
    def day(self) -> Stretch:
        """The last 24 hours."""
        return of_all(A_DAY, self.now)

    @cached_property
    def lens(self) -> Stretch:
        """The last half hour."""
        return of_all(HALF_HOUR, self.now)

    @cached_property
    def lately(self) -> Lately:
        """The figures beside the curves; four queries."""
        minute, ten = rates.lately(MINUTE, self.now), rates.lately(_LATELY, self.now)
        facts = _together(ten)
        failed = facts.failed + facts.rejected
        return Lately(
            events_per_second=minute.per_second(sum(rates.produced(minute).values())),
            attempts=facts.done + failed,
            failed=failed,
            p50=quantile(facts.age, 0.5),
            p99=quantile(facts.age, 0.99),
        )


def _together(window: Window) -> Facts:
    found = Facts()
    for facts in rates.handled(window).values():
        figures.add(found, facts)
    return found
