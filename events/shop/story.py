"""What one order set off, in small: a lane each, bars for work, diamonds for events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse

from events.shop.rows import Orders, Row
from flowdeck.extend import (
    DeliveryNode,
    DeliveryState,
    Trace,
    counted,
    duration,
    event_role,
    load_trace,
    producer_hue,
    registry,
)

LANE = 20
READ_MODELS = "read models"
_LEAST = 0.6  # percent: the shortest bar that is still seen


@dataclass(frozen=True, slots=True)
class Bar:
    """Work or waiting: ``x`` and ``width`` in percent, ``y`` in pixels."""

    kind: str
    x: float
    y: int
    width: float


@dataclass(frozen=True, slots=True)
class Mark:
    """An event: its class of hue and the shape of its role."""

    hue: str
    shape: str
    x: float
    y: int


@dataclass
class Story:
    """The picture, with the facts as text beside it."""

    name: str
    url: str
    facts: str
    names: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    @property
    def lanes(self) -> list[int]:
        """Middle of each lane."""
        return [_middle(place) for place in range(len(self.names))]

    @property
    def height(self) -> int:
        """Pixels."""
        return LANE * len(self.names)


def story_of(orders: Orders) -> Story | None:
    """The story of the order that :func:`through` names."""
    row = through(orders)
    trace = load_trace(row.correlation_id) if row else None
    return build_story(row.name, trace) if row and trace else None


def through(orders: Orders) -> Row | None:
    """The newest order that nothing will happen to any more: its picture holds still."""
    return next((row for row in orders.rows if not row.under_way), None)


def build_story(name: str, trace: Trace) -> Story:
    """Draw a trace, called by ``name``. Pure."""
    lanes = list(_lanes(trace))
    processors = len({delivery.processor for delivery in trace.deliveries})
    drawn = Story(
        name,
        _url(trace.correlation_id),
        f"{counted(processors, 'processor')}, {counted(len(trace.events), 'event')}, "
        f"{duration(trace.seconds)}",
        lanes,
    )
    scale = _Scale(trace.started_at, trace.seconds)
    for delivery in trace.deliveries:
        y = _middle(lanes.index(_lane_of(delivery.processor)))
        drawn.bars.extend(_bars(delivery, trace, scale, y))
    for node in trace.events:
        lane = _lane_of(node.row.producer)
        hue = "s-no" if event_role(node.row) == "refusal" else producer_hue(node.row.producer)
        x = scale.at(node.row.recorded_at)
        drawn.marks.append(Mark(hue, event_role(node.row), x, _middle(lanes.index(lane)) - 6))
    return drawn


@dataclass(frozen=True, slots=True)
class _Scale:
    """From moments to percent; room is left at both ends for the marks."""

    start: datetime
    seconds: float

    def at(self, moment: datetime) -> float:
        passed = (moment - self.start).total_seconds() / (self.seconds or 1)
        return round(1.5 + 96 * min(max(passed, 0.0), 1.0), 2)

    def bar(self, kind: str, start: datetime, end: datetime, y: int) -> Bar:
        x = self.at(start)
        return Bar(kind, x, y - 4, round(max(self.at(end) - x, _LEAST), 2))


def _bars(delivery: DeliveryNode, trace: Trace, scale: _Scale, y: int) -> Iterator[Bar]:
    for start, end in delivery.gaps(trace.as_of):
        yield scale.bar("b-gap", start, end, y)
    for one in delivery.tries:
        end = one.finished_at or trace.as_of
        yield scale.bar(_kind(one, delivery), one.started_at, end, y)


def _kind(one: Any, delivery: DeliveryNode) -> str:
    if one.failure is None:
        return "b-done" if one.finished_at else "b-run"
    last = one is delivery.tries[-1]
    return "b-dead" if last and delivery.state == DeliveryState.DEAD else "b-fail"


def _lanes(trace: Trace) -> Iterator[str]:
    """Producers as they speak, then processors that only listen, read models last as one."""
    names = [_lane_of(node.row.producer) for node in trace.events]
    names += [_lane_of(delivery.processor) for delivery in trace.deliveries]
    own = dict.fromkeys(name for name in names if name != READ_MODELS)
    yield from own
    if READ_MODELS in names:
        yield READ_MODELS


def _lane_of(processor: str) -> str:
    declared = registry.processors.get(processor)
    return READ_MODELS if declared is not None and declared.replayable else processor


def _middle(place: int) -> int:
    return place * LANE + LANE // 2


def _url(correlation_id: UUID) -> str:
    return reverse("flowdeck:trace", args=[correlation_id])
