"""A trace: all that one request set off, as a tree of causes with the times of every step.

:mod:`flowdeck.observe.loading` reads its rows, :mod:`flowdeck.observe.causes` puts them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from flowdeck.declare.registry import registry
from flowdeck.declare.states import WAITING, DeliveryState
from flowdeck.models import Attempt, Delivery, Event, Timer
from flowdeck.observe.states import UNDER_WAY
from flowdeck.observe.totals import Totals

WAITS = "waits"
"""The outcome of a trace in which nothing is left to do until a timer comes."""


@dataclass(frozen=True, slots=True)
class Try:
    """One try at a delivery. ``finished_at`` is None while it runs; ``failure`` if it failed."""

    number: int
    started_at: datetime
    finished_at: datetime | None
    failure: Attempt | None = None


@dataclass
class DeliveryNode:
    """One event for one processor: its tries in order, the events it emitted, and the timers it set
    that have not come."""

    row: Delivery
    event: EventNode
    state: str
    worker: str
    tries: tuple[Try, ...]
    emitted: list[EventNode] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    on_longest_path: bool = False

    @property
    def processor(self) -> str:
        """Name of the processor."""
        return self.row.processor

    @property
    def waits(self) -> bool:
        """Whether it will still change."""
        return self.state in UNDER_WAY

    @property
    def ends_at(self) -> datetime | None:
        """When the last try ended; None before the first has."""
        return max((t.finished_at for t in self.tries if t.finished_at), default=None)

    def gaps(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The waits after tries, the last one open until ``now`` while it is due later."""
        for one, following in pairwise(self.tries):
            if one.finished_at is not None:
                yield one.finished_at, max(following.started_at, one.finished_at)
        if self.state in WAITING and self.ends_at is not None:
            yield self.ends_at, max(now, self.ends_at)


@dataclass
class EventNode:
    """One event with its deliveries, and events that name it as their cause without a delivery.

    ``other_causes`` are the further causes of a join; the first one is where it hangs in the tree.
    ``timers`` name it as their cause, and no delivery of it set them.
    """

    row: Event
    depth: int = 0
    cause: EventNode | None = None
    other_causes: tuple[EventNode, ...] = ()
    deliveries: list[DeliveryNode] = field(default_factory=list)
    followed_by: list[EventNode] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    on_longest_path: bool = False

    @property
    def emitted_by(self) -> DeliveryNode | None:
        """The delivery that emitted it, if a processor did."""
        siblings = self.cause.deliveries if self.cause else []
        return next((d for d in siblings if d.processor == self.row.producer), None)

    @property
    def set_at(self) -> datetime | None:
        """When the timer was set that it came from; None if it was appended at once."""
        told = self.row.metadata.get("timer")
        given = told.get("set_at") if isinstance(told, dict) else None
        try:
            found = datetime.fromisoformat(given) if isinstance(given, str) else None
        except ValueError:  # metadata of imported events is what somebody wrote there
            return None
        return found if found is not None and found.tzinfo is not None else None

    @property
    def effects(self) -> list[EventNode]:
        """Events directly caused by it, in order."""
        found = [*self.followed_by, *(e for d in self.deliveries for e in d.emitted)]
        return sorted(found, key=lambda node: node.row.position)


@dataclass
class Trace:
    """A trace. ``roots`` are events without a cause (usually one), in order.

    Of a long one only the first ``events`` are loaded; then ``totals`` are those of the whole, and
    so are all counts, its outcome and its duration. ``timers`` have no event: they are to come, or
    never will; ``loose`` are those without a cause that is loaded.
    """

    correlation_id: UUID
    events: list[EventNode]
    roots: list[EventNode]
    as_of: datetime
    totals: Totals | None = None
    timers: list[Timer] = field(default_factory=list)
    loose: list[Timer] = field(default_factory=list)

    @property
    def cut(self) -> bool:
        """Whether there is more than what is loaded."""
        return self.totals is not None

    @property
    def event_count(self) -> int:
        """How many events it has."""
        return self.totals.events if self.totals else len(self.events)

    @property
    def delivery_count(self) -> int:
        """How many deliveries it has."""
        return self.totals.deliveries if self.totals else len(self.deliveries)

    @property
    def deliveries(self) -> list[DeliveryNode]:
        """All deliveries of what is loaded, in order of their events."""
        return [delivery for event in self.events for delivery in event.deliveries]

    @property
    def attempts(self) -> int:
        """Tries of all deliveries together."""
        if self.totals:
            return self.totals.attempts
        return sum(len(delivery.tries) for delivery in self.deliveries)

    @property
    def hops(self) -> int:
        """Steps from the first event to the farthest of those that are loaded."""
        return max((event.depth for event in self.events), default=0)

    @property
    def started_at(self) -> datetime:
        """When the first event was recorded."""
        return min(event.row.recorded_at for event in self.events)

    @property
    def under_way(self) -> bool:
        """Whether some delivery will still change."""
        if self.totals:
            return self.totals.under_way
        return any(delivery.waits for delivery in self.deliveries)

    @property
    def to_come(self) -> bool:
        """Whether a timer of it is open."""
        return any(timer.ended_at is None for timer in self.timers)

    @property
    def ended_at(self) -> datetime:
        """When the last thing happened; the moment of reading while it is under way."""
        if self.under_way:
            return max(self.as_of, self.started_at)
        if self.totals:
            return self.totals.ended_at
        ends = [d.ends_at for d in self.deliveries if d.ends_at is not None]
        return max(ends + [event.row.recorded_at for event in self.events])

    @property
    def seconds(self) -> float:
        """Duration so far."""
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def outcome(self) -> str:
        """A state word for all of it: dead, retrying, running, waits, refused (``no``) or done."""
        states = self.totals.states if self.totals else {d.state for d in self.deliveries}
        for state in (DeliveryState.DEAD, DeliveryState.RETRYING):
            if state in states:
                return str(state)
        if states & (UNDER_WAY - {DeliveryState.SLEEPING}):
            return DeliveryState.RUNNING
        if self.to_come or DeliveryState.SLEEPING in states:
            return WAITS
        refused = (
            self.totals.refused
            if self.totals
            else any(_is_refusal(event.row) for event in self.events)
        )
        return "no" if refused else DeliveryState.DONE

    @property
    def retries(self) -> int:
        """Tries beyond the first of each delivery."""
        if self.totals:
            return self.totals.retries
        return sum(max(0, len(delivery.tries) - 1) for delivery in self.deliveries)


def _is_refusal(event: Event) -> bool:
    declared = registry.event_types.get(event.type)
    return declared is not None and declared.is_refusal(event.data)
