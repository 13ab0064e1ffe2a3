"""The shapes that a waterfall is made of. Along the time axis in percent, otherwise in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flowdeck.declare.states import DeliveryState
from flowdeck.observe.traces import DeliveryNode, Try


@dataclass(frozen=True, slots=True)
class Rect:
    """A bar; ``y`` from the top of its row."""

    x: float
    width: float
    y: float
    height: float
    kind: str
    radius: float = 2.5


@dataclass(frozen=True, slots=True)
class Line:
    """A line, horizontal in a row or down to other rows; ``y`` from the top of the drawing."""

    x1: float
    x2: float
    y1: float
    y2: float
    kind: str


@dataclass(frozen=True, slots=True)
class Words:
    """A duration or time beside a bar. ``seconds`` or ``at`` says which."""

    x: float
    dx: int
    anchor: str
    seconds: float | None = None
    at: datetime | None = None
    waits: float | None = None


def bar_kind(delivery: DeliveryNode, one: Try) -> str:
    """The class of the bar of a try."""
    if one.finished_at is None:
        return "b-run"
    if one.failure is None:
        return "b-done"
    dead = delivery.state in (DeliveryState.DEAD, DeliveryState.DISCARDED)
    return "b-dead" if dead and one is delivery.tries[-1] else "b-fail"
