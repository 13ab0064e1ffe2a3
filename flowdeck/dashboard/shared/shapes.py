"""The shapes that a waterfall is made of. Along the time axis in percent, otherwise in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
