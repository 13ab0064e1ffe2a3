"""Rows of the event log: an event with one dot per delivery, in fixed order of processors.

Under load many rows come with each frame, so like the marks they are formatted and not templates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from flowdeck.dashboard.shared.marks import clock, correlation, dot, glyph, role
from flowdeck.declare.states import UNFINISHED
from flowdeck.models import Delivery, Event
from flowdeck.observe.states import derive
from flowdeck.words import thousands

_KEPT = 4_000  # rows whose fixed cells are kept, about 3 MB
_cells: dict[UUID, SafeString] = {}

_NEEDED = ("event_id", "processor", "key", "slot", "state", "due_at")  # as the model has them
_FIXED = (
    '<td class="mono dim">{}</td><td>{}</td>'
    '<td><a class="etype" href="{url}" hx-get="{url}">{}{}<span class="v">v{}</span></a></td>'
    '<td class="mono clip">{}<span class="dim">#{}</span></td><td>{}</td><td class="mid">{}</td>'
)


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
    def html(self) -> SafeString:
        """The table row."""
        return format_html(
            '<tr id="event-{position}" data-position="{position}">{}<td>{}</td></tr>',
            self._cells,
            _marks(self.dots),
            position=self.event.position,
        )

    @property
    def _cells(self) -> SafeString:
        """The cells that never change, made once: rows come again for every dot that does."""
        found = _cells.get(self.event.id)
        if found is None:
            if len(_cells) >= _KEPT:
                _cells.clear()
            found = _cells[self.event.id] = _fixed(self.event)
        return found

    @property
    def look(self) -> tuple[tuple[str, str], ...]:
        """What would make the row look different."""
        return tuple((dot.processor, dot.state) for dot in self.dots)


def _fixed(event: Event) -> SafeString:
    trace_url = _address("flowdeck:trace", UUID(int=0)).format(event.correlation_id)
    return format_html(
        _FIXED,
        thousands(event.position),
        clock(event.recorded_at),
        glyph(event.producer, role(event)),
        event.type,
        event.version,
        event.stream,
        event.sequence,
        correlation(event.correlation_id, trace_url),
        event.producer,
        url=_address("flowdeck:event", 0).format(event.position),
    )


@cache
def _address(name: str, example: int | UUID) -> str:
    """The address of a page with a place to fill in: looking it up costs more than the row."""
    before, after = reverse(name, args=[example]).rsplit(str(example), 1)
    return f"{before}{{}}{after}"


@lru_cache(maxsize=2_000)
def _marks(dots: tuple[Dot, ...]) -> SafeString:
    """The dots. Most rows of a type look alike, so each look is made once."""
    marks = format_html_join("", "{}", ((dot(one.state, one.label),) for one in dots))
    return format_html(
        '<span class="dots">{}</span>',
        marks or mark_safe('<span class="xs dim">no listener</span>'),
    )


def rows_of(events: Sequence[Event]) -> list[LogRow]:
    """Rows of the events, in their order; three queries at most."""
    by_position = {event.position: event for event in events}
    found = Delivery.objects.filter(event_id__in=list(by_position)).order_by("processor")
    rows = found.values_list(*_NEEDED)
    # Most are settled, and what they are is what they say: only the others are made into objects.
    waiting = [Delivery.from_db(None, _NEEDED, row) for row in rows if row[4] in UNFINISHED]
    for delivery in waiting:
        delivery.event = by_position[delivery.event_id]
    derived = derive(waiting)
    dots: dict[int, list[Dot]] = defaultdict(list)
    for position, processor, _, _, state, _ in rows:
        seen = derived.get((position, processor))
        dots[position].append(Dot(processor, seen.state if seen else state))
    return [LogRow(event, tuple(dots[event.position])) for event in events]
