"""The shapes that the API takes and gives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema

from flowdeck.api.budget import affordable
from flowdeck.models import Attempt, Event
from flowdeck.observe.overview import ProcessorRow
from flowdeck.observe.traces import DeliveryNode, EventNode, Trace
from flowdeck.privacy.masking import masked
from flowdeck.privacy.sealing import gone

MOST = 200


class EventFilter(Schema):
    """Which events of the log: those that fit all that is given."""

    type: str | None = Field(None, max_length=100)
    stream: str | None = Field(None, max_length=200)
    correlation_id: UUID | None = None
    producer: str | None = Field(None, max_length=64)
    after: int | None = Field(None, ge=0, le=2**63 - 1, description="positions above this one")
    before: int | None = Field(None, ge=0, le=2**63 - 1, description="positions below this one")
    limit: int = Field(50, ge=1, le=MOST)


class EventOut(Schema):
    """One event: envelope and payload."""

    position: int
    id: UUID
    stream: str
    sequence: int
    type: str
    version: int
    data: Any = Field(description="the payload; personal values are masked")
    metadata: dict[str, Any]
    key: str
    correlation_id: UUID
    causation_id: UUID | None
    producer: str
    occurred_at: datetime
    recorded_at: datetime

    @classmethod
    def of(cls, event: Event, data: Any = None) -> EventOut:
        """From its row; with ``data`` as the payload, if personal values were revealed."""
        row = {name: getattr(event, name) for name in cls.model_fields}
        return cls(**{**row, "data": data or masked(event.type, event.data, gone([event.data]))})

    @classmethod
    def of_all(cls, events: Sequence[Event]) -> list[EventOut]:
        """From their rows."""
        erased = gone(event.data for event in events)
        return [cls.of(event, masked(event.type, event.data, erased)) for event in events]


class EventPage(Schema):
    """A page of the log. ``next`` is where the following page begins; null on the last one."""

    events: list[EventOut]
    next: int | None
    settled_to: int | None = Field(
        None,
        description="with after: the position up to which nothing can appear any more. Whoever "
        "follows the log asks next with after set to next or, if that is null, to this.",
    )
    held_up: bool = Field(
        False,
        description="with after: a transaction under way may still add events before newer ones, "
        "so these are left out until it ends.",
    )


class FailureOut(Schema):
    """An attempt that failed."""

    number: int
    outcome: Literal["failed", "rejected", "died"]
    error: str
    message: str
    started_at: datetime
    finished_at: datetime

    @classmethod
    def of(cls, attempt: Attempt) -> FailureOut:
        """From its row."""
        return cls(**{name: getattr(attempt, name) for name in cls.model_fields})


class DeliveryOut(Schema):
    """One event for one processor."""

    position: int
    processor: str
    state: str
    attempts: int
    due_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    failures: list[FailureOut]

    @classmethod
    def of(cls, node: DeliveryNode) -> DeliveryOut:
        """From its place in a trace."""
        row = node.row
        return cls(
            position=row.event_id,
            processor=row.processor,
            state=node.state,
            attempts=row.attempts,
            due_at=row.due_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            failures=[FailureOut.of(one.failure) for one in node.tries if one.failure],
        )


def _size(node: EventNode) -> int:
    """Characters of an event and of why its deliveries failed."""
    tries = (one.failure for delivery in node.deliveries for one in delivery.tries)
    return len(json.dumps(node.row.data)) + sum(len(one.message) for one in tries if one)


class TraceOut(Schema):
    """All that one request set off. ``complete`` is false while some delivery will still change, or
    an event of it is still to come.

    ``outcome``, ``complete``, ``seconds`` and the counts are those of the whole trace. Of a long
    one only the first events and their deliveries are given; ``cut`` says so, and ``GET /events``
    with ``correlation_id`` has them all.
    """

    correlation_id: UUID
    outcome: str
    complete: bool
    seconds: float
    cut: bool
    event_count: int
    delivery_count: int
    events: list[EventOut]
    deliveries: list[DeliveryOut]

    @classmethod
    def of(cls, trace: Trace) -> TraceOut:
        """From a loaded trace."""
        shown = affordable(trace.events, _size)
        return cls(
            correlation_id=trace.correlation_id,
            outcome=trace.outcome,
            complete=not (trace.under_way or trace.to_come),
            seconds=trace.seconds,
            cut=trace.cut or len(shown) < len(trace.events),
            event_count=trace.event_count,
            delivery_count=trace.delivery_count,
            events=EventOut.of_all([node.row for node in shown]),
            deliveries=[DeliveryOut.of(one) for node in shown for one in node.deliveries],
        )


class ProcessorOut(Schema):
    """One processor. What is not known is null, never 0."""

    name: str
    state: str = Field(description="idle, running, retrying, sleeping or paused")
    description: str
    subscriptions: list[str]
    atomic: bool
    batch: bool
    overlap: int = Field(description="calls that a worker process has in the air at once")
    replayable: bool
    on_dead: Literal["park", "skip"]
    max_attempts: int
    lanes: int
    waiting: int = Field(description="deliveries not settled yet")
    retrying: int
    sleeping: int = Field(description="deliveries whose handlers asked for a later time")
    dead: int
    oldest_at: datetime | None = Field(description="when the oldest waiting event was recorded")
    per_second: float | None = Field(description="deliveries done per second lately")
    paused_at: datetime | None
    paused_by: str
    pause_reason: str

    @classmethod
    def of(cls, row: ProcessorRow) -> ProcessorOut:
        """From the overview."""
        declared = row.declared
        assert declared is not None  # the overview asked for declared ones
        return cls(
            name=row.name,
            state=row.state,
            description=declared.description,
            subscriptions=list(declared.subscriptions),
            atomic=declared.atomic,
            batch=declared.batch,
            overlap=declared.overlap,
            replayable=declared.replayable,
            on_dead=declared.on_dead,
            max_attempts=declared.retry.max_attempts,
            lanes=row.lanes,
            waiting=row.waiting,
            retrying=row.retrying,
            sleeping=row.sleeping,
            dead=row.dead,
            oldest_at=row.oldest_at,
            per_second=row.per_second,
            paused_at=row.paused_at,
            paused_by=row.paused_by,
            pause_reason=row.pause_reason,
        )
