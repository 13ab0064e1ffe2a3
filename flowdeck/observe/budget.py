"""The time budget of a trace: waiting, working and failing along its longest path. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flowdeck.observe.traces import DeliveryNode, Trace


@dataclass(slots=True)
class Budget:
    """Seconds spent along the longest path. Together about the duration of the trace."""

    queue: float = 0.0
    working: float = 0.0
    failed: float = 0.0
    retry_wait: float = 0.0


def budget_of(trace: Trace) -> Budget:
    """Add up the steps of the longest path."""
    budget = Budget()
    for delivery in trace.deliveries:
        if delivery.on_longest_path:
            _add(budget, delivery, _handed_on(delivery) or trace.ended_at, trace.as_of)
    return budget


def _add(budget: Budget, delivery: DeliveryNode, end: datetime, as_of: datetime) -> None:
    first = delivery.tries[0].started_at if delivery.tries else end
    budget.queue += _seconds(delivery.event.row.recorded_at, first)
    budget.retry_wait += sum(_seconds(*gap) for gap in delivery.gaps(as_of))
    for one in delivery.tries:
        if one.failure is not None:
            budget.failed += _seconds(one.started_at, one.finished_at or end)
        else:  # committing belongs to the work
            budget.working += _seconds(one.started_at, max(end, one.finished_at or end))


def _handed_on(delivery: DeliveryNode) -> datetime | None:
    """When the next event of the longest path was recorded, or the last try ended."""
    for event in delivery.emitted:
        if event.on_longest_path:
            return event.row.recorded_at
    return None if delivery.waits else delivery.ends_at


def _seconds(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds())  # clocks of two hosts may differ
