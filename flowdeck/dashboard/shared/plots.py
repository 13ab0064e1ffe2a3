"""Lines and areas of charts by time: values in bins become paths, what is not known a gap. Pure.

Paths are drawn in a box of 1000 by ``height`` that is stretched to its place; positions beside them
are percent of the width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from math import log10

from django.db.models import QuerySet

from flowdeck.models import Release

WIDTH = 1000
_ROOM = 4  # px that the highest value leaves free
_FLAGS = 20
_NAME = 30.0  # percent of the width that a name needs, to either side
_DECADES = 3  # of a scale of logarithms

Values = Sequence[float | None]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Span:
    """From ``since`` to ``until``, in ``bins`` of the same length."""

    since: datetime
    until: datetime
    bins: int

    @property
    def step(self) -> float:
        """Seconds of a bin."""
        return (self.until - self.since).total_seconds() / self.bins

    def x(self, moment: datetime) -> float:
        """Percent of a moment."""
        length = (self.until - self.since).total_seconds()
        return round((moment - self.since).total_seconds() / length * 100, 2)

    def ticks(self, seconds: int) -> list[tuple[float, datetime]]:
        """Round moments, each so many seconds, with their places; none where now is written."""
        first = int(self.since.timestamp()) // seconds * seconds + seconds
        moments = (
            datetime.fromtimestamp(at, UTC)
            for at in range(first, int(self.until.timestamp()), seconds)
        )
        return [(x, at) for at in moments if 3 < (x := self.x(at)) < 93]


@dataclass(frozen=True, slots=True)
class Curve:
    """Paths of a line and the area under it, and the value at the top."""

    line: str
    area: str
    top: float


@dataclass(frozen=True, slots=True)
class Flag:
    """A release that was first seen here; ``named`` if there is room for its name."""

    x: float
    name: str
    note: str
    named: bool


def curve(values: Values, height: int, *, top: float = 0.0, log: bool = False) -> Curve:
    """Values from the left to the right end, 0 at the bottom; ``top`` is the least scale."""
    most = max([top, *(value for value in values if value is not None)]) or 1.0
    return Curve(*paths(list(_runs(values, height, most, log)), height), most)


def paths(runs: Sequence[Sequence[Point]], height: int) -> tuple[str, str]:
    """Of a line through the points of each stretch, and of the area under it."""
    lines = ["L".join(f"{x:g} {y:g}" for x, y in run) for run in runs]
    areas = [
        f"M{run[0][0]:g} {height}L{line}L{run[-1][0]:g} {height}Z"
        for run, line in zip(runs, lines, strict=True)
    ]
    return "".join(f"M{line}" for line in lines), "".join(areas)


def binned(rows: Iterable[tuple[int, float]], span: Span) -> dict[int, float]:
    """Sums by number of the bin, of values with their seconds since 1970."""
    begin, found = span.since.timestamp(), dict[int, float]()
    for at, value in rows:
        number = int((at - begin) // span.step)
        if 0 <= number < span.bins:
            found[number] = found.get(number, 0.0) + value
    return found


def releases(since: datetime, until: datetime) -> QuerySet[Release]:
    """Releases that were first seen in a stretch, the newest of too many; one query."""
    seen = Release.objects.filter(first_seen_at__gte=since, first_seen_at__lte=until)
    return seen.order_by("-first_seen_at")[:_FLAGS]


def flags(span: Span) -> list[Flag]:
    """Releases of a stretch, with names where there is room; one query."""
    found, last = list[Flag](), 100.0 + _NAME
    for one in releases(span.since, span.until):
        x = span.x(one.first_seen_at)
        named = last - x >= _NAME
        last = x if named else last
        found.append(Flag(x, one.name, one.note, named))
    return found


def _runs(values: Values, height: int, most: float, log: bool) -> Iterable[list[Point]]:
    """Points of each stretch without a gap; a value that stands alone is a short dash."""
    step = WIDTH / len(values) if values else WIDTH
    for known, group in groupby(enumerate(values), lambda pair: pair[1] is not None):
        if not known:
            continue
        points = [
            (round((n + 0.5) * step, 1), _y(value or 0.0, height, most, log)) for n, value in group
        ]
        left, right = points[0][0] - step / 2, points[-1][0] + step / 2
        yield [
            (round(left, 1), points[0][1]),
            *points,
            (round(right, 1), points[-1][1]),
        ]


def _y(value: float, height: int, most: float, log: bool) -> float:
    part = value / most
    if log:
        part = max(0.0, 1 + log10(part) / _DECADES) if part > 0 else 0.0
    return round(height - part * (height - _ROOM), 1)
