"""Rows of the event log: an event with one dot per delivery, in fixed order of processors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse

from events.models import Delivery, Event
from events.states import derive


@dataclass(frozen=True, slots=True)
class Dot:
    """The state of one delivery."""

    processor: str
    state: str

    @property
    def label(self) -> str:
        """What the dot says to those who can't see it."""
        return f"{self.processor}: {self.state}"


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row. ``look`` is all that can still change about it: an event itself never does."""

    event: Event
    dots: tuple[Dot, ...]

    @property
    def url(self) -> str:
        """Where the event is whole."""
        return reverse("events:event", args=[self.event.position])

    @property
    def trace_url(self) -> str:
        """Where its trace is."""
        return reverse("events:trace", args=[self.event.correlation_id])

    @property
    def look(self) -> tuple[tuple[str, str], ...]:
        """What would make the row look different."""
        return tuple((dot.processor, dot.state) for dot in self.dots)


def rows_of(events: Sequence[Event]) -> list[LogRow]:
    """Rows of the events, in their order; three queries at most."""
    deliveries = list(
        Delivery.objects.filter(event_id__in=[event.position for event in events]).order_by(
            "processor"
        )
    )
    by_position = {event.position: event for event in events}
    for delivery in deliveries:
        delivery.event = by_position[delivery.event_id]
    derived = derive(deliveries)
    dots: dict[int, list[Dot]] = defaultdict(list)
    for delivery in deliveries:
        dots[delivery.event_id].append(Dot(delivery.processor, derived[delivery.pk].state))
    return [LogRow(event, tuple(dots[event.position])) for event in events]
