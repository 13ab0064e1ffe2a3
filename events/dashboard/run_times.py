"""How long deliveries waited and ran lately and how many failed, from a fixed number of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from events.models import Delivery, DeliveryState

SAMPLE = 2_000
"""Newest deliveries looked at."""

Row = tuple[str, str, int, datetime | None, datetime | None, datetime]


@dataclass(frozen=True, slots=True)
class RunTimes:
    """Of one processor: seconds of its runs (None if there was none), attempts and failures, and
    seconds from the event to the run, of those that succeeded at once."""

    p50: float | None
    p99: float | None
    attempts: int
    failures: int
    wait_p50: float | None = None
    wait_p99: float | None = None

    @property
    def failed(self) -> float | None:
        """Per cent of the attempts that failed; None without attempts."""
        return 100 * self.failures / self.attempts if self.attempts else None


UNKNOWN = RunTimes(None, None, 0, 0)


def run_times() -> dict[str, RunTimes]:
    """By name of the processor, in one query; those not in the sample are left out."""
    newest = Delivery.objects.order_by("-id").values_list(
        "processor", "state", "attempts", "started_at", "finished_at", "event__recorded_at"
    )[:SAMPLE]
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in newest:
        rows[row[0]].append(row)
    return {name: _of(found) for name, found in rows.items()}


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest of sorted ``values`` that ``percent`` of them do not exceed."""
    if not values:
        return None
    return values[max(0, ceil(len(values) * percent / 100) - 1)]


def _of(rows: Sequence[Row]) -> RunTimes:
    seconds = sorted(
        max(0.0, (finished - started).total_seconds())
        for _, state, _, started, finished, _ in rows
        if state == DeliveryState.DONE and started is not None and finished is not None
    )
    waits = sorted(
        max(0.0, (started - recorded).total_seconds())
        for _, state, attempts, started, _, recorded in rows
        if state == DeliveryState.DONE and attempts == 1 and started is not None
    )
    attempts = sum(row[2] for row in rows)
    done = sum(row[1] == DeliveryState.DONE and row[2] > 0 for row in rows)
    return RunTimes(
        percentile(seconds, 50), percentile(seconds, 99), attempts, attempts - done,
        percentile(waits, 50), percentile(waits, 99),
    )  # fmt: skip
