"""Rows of the event log: an event with one dot per delivery, in fixed order of processors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from events.models import Delivery, Event
from events.states import derive

_KEPT = 4_000  # rows whose fixed cells are kept, about 3 MB
_cells: dict[UUID, SafeString] = {}


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
    def cells(self) -> SafeString:
        """The cells that never change, rendered once: rows come again for every dot that does."""
        found = _cells.get(self.event.id)
        if found is None:
            if len(_cells) >= _KEPT:
                _cells.clear()
            context = {
                "event": self.event,
                "url": reverse("events:event", args=[self.event.position]),
                "trace_url": reverse("events:trace", args=[self.event.correlation_id]),
            }
            found = _cells[self.event.id] = render_to_string("events/log/_cells.html", context)
        return found

    @property
    def marks(self) -> SafeString:
        """The dots. Most rows of a type look alike, so each look is rendered once."""
        return _marks(self.dots)

    @property
    def look(self) -> tuple[tuple[str, str], ...]:
        """What would make the row look different."""
        return tuple((dot.processor, dot.state) for dot in self.dots)


@lru_cache(maxsize=2_000)
def _marks(dots: tuple[Dot, ...]) -> SafeString:
    return render_to_string("events/log/_dots.html", {"dots": dots})


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
