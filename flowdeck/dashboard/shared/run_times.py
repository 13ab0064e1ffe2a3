"""Waiting times, run times and failures of processors, from the figures that the engine keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flowdeck.history.sketch import Counts, quantile
from flowdeck.history.tally import Facts
from flowdeck.observe import rates
from flowdeck.observe.rates import Window

SECONDS = 600
"""How far back the table of processors looks."""


@dataclass(frozen=True, slots=True)
class RunTimes:
    """Of one processor: seconds of its runs (None if there was none), attempts and failures, and
    seconds from the event to the run, of first attempts.

    ``runs`` sketches the seconds of each run that succeeded; ``per_second`` is how many did, None
    if that is not known. Percentiles are off by 4.4 % at most.
    """

    p50: float | None
    p99: float | None
    attempts: int
    failures: int
    wait_p50: float | None = None
    wait_p99: float | None = None
    runs: Mapping[int, int] = field(default_factory=Counts)
    per_second: float | None = 0.0

    @property
    def failed(self) -> float | None:
        """Per cent of the attempts that failed; None without attempts."""
        return 100 * self.failures / self.attempts if self.attempts else None


UNKNOWN = RunTimes(None, None, 0, 0, per_second=None)
QUIET = RunTimes(None, None, 0, 0)


def run_times(window: Window | None = None, only: str = "") -> dict[str, RunTimes]:
    """By name of the processor, of all or of that one, of the window or of the last ten minutes;
    those that tried nothing in it are left out. One query, and one for the window if it is not
    given."""
    window = window or rates.lately(SECONDS)
    return {name: _of(facts, window) for name, facts in rates.handled(window, only).items()}


def _of(facts: Facts, window: Window) -> RunTimes:
    failures = facts.failed + facts.rejected
    return RunTimes(
        p50=quantile(facts.run, 0.5),
        p99=quantile(facts.run, 0.99),
        attempts=facts.done + failures,
        failures=failures,
        wait_p50=quantile(facts.wait, 0.5),
        wait_p99=quantile(facts.wait, 0.99),
        runs=facts.run,
        per_second=window.per_second(facts.done),
    )
