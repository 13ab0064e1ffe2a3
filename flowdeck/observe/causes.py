"""Putting the rows of a trace together as a tree of causes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from flowdeck import clock
from flowdeck.declare.metadata import joined_causes
from flowdeck.declare.states import DeliveryState
from flowdeck.models import Attempt, Delivery, Event, Timer
from flowdeck.observe.states import Derived
from flowdeck.observe.totals import Totals
from flowdeck.observe.traces import DeliveryNode, EventNode, Trace, Try


def build_trace(
    events: list[Event],
    deliveries: Iterable[Delivery],
    failures: Mapping[tuple[int, str], list[Attempt]],
    derived: Mapping[tuple[int, str], Derived],
    *,
    as_of: datetime | None = None,
    totals: Totals | None = None,
    timers: Sequence[Timer] = (),
) -> Trace:
    """Put rows together: events by position, the rest in any order."""
    nodes = {event.id: EventNode(event) for event in events}
    by_position = {node.row.position: node for node in nodes.values()}
    for row in deliveries:
        event = by_position[row.event_id]
        now = derived.get(row.pk) or Derived(row.state)
        tries = tuple(tries_of(row, failures.get(row.pk, []), now))
        event.deliveries.append(DeliveryNode(row, event, now.state, now.worker, tries))
    for node in nodes.values():
        _hang(node, nodes)
    trace = Trace(
        events[0].correlation_id,
        list(nodes.values()),
        [node for node in nodes.values() if node.cause is None],
        as_of or clock.now(),
        totals,
        list(timers),
    )
    trace.loose = [timer for timer in timers if not _hang_timer(timer, nodes)]
    mark_longest_path(trace.events, trace.deliveries)
    return trace


def tries_of(row: Delivery, failures: Iterable[Attempt], now: Derived) -> Iterator[Try]:
    """All tries at a delivery in order: those that failed, and the one that runs or succeeded."""
    for failure in failures:
        yield Try(failure.number, failure.started_at, failure.finished_at, failure)
    if now.state == DeliveryState.RUNNING and now.running_since is not None:
        yield Try(row.attempts + 1, now.running_since, None)
    elif row.state == DeliveryState.DONE and row.started_at is not None:
        yield Try(row.attempts, row.started_at, row.finished_at)


def _hang(node: EventNode, nodes: Mapping[UUID, EventNode]) -> None:
    """Hang an event under its cause, which has the lower position, so that there is no circle."""
    cause = nodes.get(node.row.causation_id) if node.row.causation_id else None
    node.other_causes = tuple(_also(node, nodes, cause))
    if cause is None or cause.row.position >= node.row.position:
        return
    node.cause, node.depth = cause, cause.depth + 1
    emitter = node.emitted_by
    (emitter.emitted if emitter else cause.followed_by).append(node)


def _hang_timer(timer: Timer, nodes: Mapping[UUID, EventNode]) -> bool:
    """Hang a timer under the delivery that set it, or under its cause; whether there is one."""
    cause = nodes.get(timer.causation_id) if timer.causation_id else None
    if cause is None:
        return False
    setters = (one for one in cause.deliveries if one.processor == timer.producer)
    (next(setters, None) or cause).timers.append(timer)
    return True


def _also(
    node: EventNode, nodes: Mapping[UUID, EventNode], cause: EventNode | None
) -> Iterator[EventNode]:
    for cause_id in joined_causes(node.row.metadata):
        other = nodes.get(cause_id)
        if other is not None and other is not cause:
            yield other


def mark_longest_path(events: list[EventNode], deliveries: list[DeliveryNode]) -> None:
    """Mark the chain of causes that ends with what ended last (or is still under way)."""
    event = max(events, key=lambda e: e.row.recorded_at)
    last = max(
        deliveries, key=lambda d: (d.waits, d.ends_at or d.event.row.recorded_at), default=None
    )
    if last is not None and (
        last.waits or (last.ends_at or event.row.recorded_at) >= event.row.recorded_at
    ):
        last.on_longest_path, event = True, last.event
    seen: EventNode | None = event
    while seen is not None and not seen.on_longest_path:
        seen.on_longest_path = True
        if (emitter := seen.emitted_by) is not None:
            emitter.on_longest_path = True
        seen = seen.cause
