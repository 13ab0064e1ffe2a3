"""Rows of the log that were never saved, for tests of pure layout. Times are seconds."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from flowdeck.declare.states import DeliveryState
from flowdeck.models import Attempt, Delivery, Event
from flowdeck.observe.causes import build_trace
from flowdeck.observe.states import Derived
from flowdeck.observe.traces import Trace

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment after the start."""
    return START + timedelta(seconds=seconds)


class Story:
    """Builds a trace step by step."""

    def __init__(self) -> None:
        self.correlation_id = uuid4()
        self.events: list[Event] = []
        self.deliveries: list[Delivery] = []
        self.failures: dict[tuple[int, str], list[Attempt]] = defaultdict(list)
        self.derived: dict[tuple[int, str], Derived] = {}

    def event(
        self,
        type: str,
        seconds: float,
        cause: Event | None = None,
        by: str = "shop",
        also: tuple[Event, ...] = (),
    ) -> Event:
        """An event recorded at ``seconds``."""
        number = len(self.events) + 1
        row = Event(
            position=number,
            id=UUID(int=number),
            stream="order-1",
            sequence=number,
            type=type,
            version=1,
            data={},
            key="order-1",
            correlation_id=self.correlation_id,
            causation_id=cause.id if cause else None,
            producer=by,
            recorded_at=at(seconds),
            occurred_at=at(seconds),
            metadata={"also_caused_by": [str(e.id) for e in also]},
        )
        self.events.append(row)
        return row

    def delivery(
        self,
        event: Event,
        processor: str,
        *tries: tuple[float, float],
        state: str = "done",
        running_since: float | None = None,
    ) -> Delivery:
        """A delivery with its tries; all but the last failed, the last one too unless done."""
        row = Delivery(
            event=event,
            processor=processor,
            state=state,
            key=event.key,
            slot=0,
            attempts=len(tries),
        )
        failed = tries[:-1] if state == "done" else tries
        for number, (start, end) in enumerate(failed, 1):
            self.failures[row.pk].append(
                Attempt(
                    event=event,
                    processor=processor,
                    number=number,
                    outcome="failed",
                    error="Timeout",
                    message="",
                    traceback="",
                    started_at=at(start),
                    finished_at=at(end),
                )
            )
        if tries:
            row.started_at, row.finished_at = at(tries[-1][0]), at(tries[-1][1])
        if running_since is not None:
            self.derived[row.pk] = Derived(DeliveryState.RUNNING, at(running_since), "host:1")
        self.deliveries.append(row)
        return row

    def trace(self, as_of: float = 100.0) -> Trace:
        """The trace as of a moment."""
        return build_trace(
            self.events, self.deliveries, self.failures, self.derived, as_of=at(as_of)
        )


def order() -> Story:
    """Created at 0; stock reserved fast; payment fails twice and succeeds; confirmed by both."""
    story = Story()
    created = story.event("OrderCreated", 0)
    story.delivery(created, "inventory", (0.03, 0.08))
    story.delivery(created, "payment", (0.03, 1.0), (2.0, 2.5), (5.0, 5.4))
    reserved = story.event("InventoryReserved", 0.085, created, by="inventory")
    story.delivery(reserved, "confirmation", (0.1, 0.11))
    paid = story.event("PaymentProcessed", 5.41, created, by="payment")
    story.delivery(paid, "confirmation", (5.45, 5.47))
    story.event("OrderConfirmed", 5.475, paid, by="confirmation", also=(reserved,))
    return story
