"""Waiting times, run times and failures of the newest deliveries, from a fixed number of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from time import time

from flowdeck.dashboard.shared.clockwork import Seconds
from flowdeck.declare.states import DeliveryState
from flowdeck.models import Delivery
from flowdeck.models.delivery import newest_from

SAMPLE = 2_000
"""Newest deliveries looked at."""

Row = tuple[str, str, int, float | None, float | None, float]


@dataclass(frozen=True, slots=True)
class RunTimes:
    """Of one processor: seconds of its runs (None if there was none), attempts and failures, and
    seconds from the event to the run, of those that succeeded at once.

    ``runs`` are the seconds of each run that succeeded, sorted; ``per_second`` how many did.
    """

    p50: float | None
    p99: float | None
    attempts: int
    failures: int
    wait_p50: float | None = None
    wait_p99: float | None = None
    runs: tuple[float, ...] = ()
    per_second: float = 0.0

    @property
    def failed(self) -> float | None:
        """Per cent of the attempts that failed; None without attempts."""
        return 100 * self.failures / self.attempts if self.attempts else None


UNKNOWN = RunTimes(None, None, 0, 0)


def run_times(window: int | None = None) -> dict[str, RunTimes]:
    """By name of the processor, in two queries; those not in the sample are left out.

    With ``window`` only of what was tried last within so many seconds.
    """
    now = time()
    newest: list[Row] = list(
        Delivery.objects.filter(event_id__gte=newest_from(SAMPLE))
        .order_by("-event_id")
        .values_list(
            "processor",
            "state",
            "attempts",
            Seconds("started_at"),
            Seconds("finished_at"),
            Seconds("event__recorded_at"),
        )[:SAMPLE]
    )
    since = now - window if window else None
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in newest:
        if since is None or _tried(row) > since:
            rows[row[0]].append(row)
    reach = _reach(newest, now, window) if window else 0.0
    return {name: _of(found, reach) for name, found in rows.items()}


def _tried(row: Row) -> float:
    """When it was tried last, or came if it never was."""
    return row[4] or row[3] or row[5]


def _reach(newest: Sequence[Row], now: float, window: int) -> float:
    """Seconds of the window that the sample tells of."""
    if len(newest) < SAMPLE:
        return float(window)
    earliest = min(_tried(row) for row in newest)
    return max(1.0, min(now - earliest, float(window)))


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest of sorted ``values`` that ``percent`` of them do not exceed."""
    if not values:
        return None
    return values[max(0, ceil(len(values) * percent / 100) - 1)]


def _of(rows: Sequence[Row], reach: float) -> RunTimes:
    seconds = sorted(
        max(0.0, finished - started)
        for _, state, _, started, finished, _ in rows
        if state == DeliveryState.DONE and started is not None and finished is not None
    )
    waits = sorted(
        max(0.0, started - recorded)
        for _, state, attempts, started, _, recorded in rows
        if state == DeliveryState.DONE and attempts == 1 and started is not None
    )
    attempts = sum(row[2] for row in rows)
    done = sum(row[1] == DeliveryState.DONE and row[2] > 0 for row in rows)
    return RunTimes(
        p50=percentile(seconds, 50),
        p99=percentile(seconds, 99),
        attempts=attempts,
        failures=attempts - done,
        wait_p50=percentile(waits, 50),
        wait_p99=percentile(waits, 99),
        runs=tuple(seconds),
        per_second=done / reach if reach else 0.0,
    )
