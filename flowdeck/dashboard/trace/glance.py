"""A trace at a glance in its row of the list: where its time went, and its shape. Pure.

All rows have one linear scale; what is longer than the scale ends torn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from flowdeck import words
from flowdeck.observe.budget import Budget, budget_of
from flowdeck.observe.traces import EventNode, Trace

_SHARE = 0.85  # of the rows that fit into the scale
_LEAST = 0.4  # percent that a part takes which is there at all
_COLUMNS, _ROWS = 7, 3
_STEP, _ROW = 15, 9


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the bar, in percent: ``queue``, ``done``, ``fail`` or ``gap``."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Diamond:
    """An event of the shape."""

    x: int
    y: int
    event: EventNode


@dataclass(frozen=True, slots=True)
class Glance:
    """The bar of a trace (``torn``: it is longer than the scale) and its shape; ``more`` events
    are not drawn."""

    parts: list[Part]
    torn: bool
    diamonds: list[Diamond]
    lines: list[tuple[int, int, int, int]]
    more: int
    told: str


def scale_of(traces: Sequence[Trace]) -> float:
    """Seconds at the right end: most rows fit, and a slow one leaves the others readable.

    It is 1, 2 or 5 of something, so that rows stay as they are while others come.
    """
    seconds = sorted(trace.seconds for trace in traces if not trace.under_way) or [1.0]
    fits = max(0.001, seconds[int((len(seconds) - 1) * _SHARE)])
    tenfold = 10.0 ** floor(log10(fits))
    return next(step * tenfold for step in (1, 2, 5, 10) if step * tenfold >= fits * 0.999)


def glance_of(trace: Trace, scale: float) -> Glance:
    """What the row of ``trace`` shows. One that is under way has no bar: it would be another one at
    each look."""
    spent = Budget() if trace.under_way else budget_of(trace)
    diamonds = _diamonds(trace)
    placed = {one.event.row.position: one for one in diamonds}
    pairs = ((placed.get(one.event.cause.row.position), one) for one in diamonds if one.event.cause)
    lines = [(of.x, of.y, one.x, one.y) for of, one in pairs if of is not None]
    return Glance(
        _parts(spent, scale),
        not trace.under_way and trace.seconds > scale * 1.001,
        diamonds,
        lines,
        max(0, trace.event_count - len(diamonds)),
        _told(spent) or "under way",
    )


def _parts(spent: Budget, scale: float) -> list[Part]:
    """Along the longest path: what waited first, then work, failures and the waits after them."""
    found, x = [], 0.0
    for kind, seconds in _kinds(spent):
        width = min(100.0 - x, max(_LEAST, seconds / scale * 100)) if seconds > 0 else 0.0
        if width > 0:
            found.append(Part(kind, round(x, 2), round(width, 2)))
            x += width
    return found


def _kinds(spent: Budget) -> list[tuple[str, float]]:
    return [
        ("queue", spent.queue),
        ("fail", spent.failed),
        ("gap", spent.retry_wait),
        ("done", spent.working),
    ]


def _told(spent: Budget) -> str:
    named = {"queue": "queue", "fail": "failed", "gap": "wait to retry", "done": "work"}
    return ", ".join(
        f"{named[kind]} {words.duration(seconds)}" for kind, seconds in _kinds(spent) if seconds > 0
    )


def _diamonds(trace: Trace) -> list[Diamond]:
    """The first events by column of their distance from the first one."""
    columns: dict[int, list[EventNode]] = {}
    for event in trace.events:
        column = columns.setdefault(event.depth, [])
        if event.depth < _COLUMNS and len(column) < _ROWS:
            column.append(event)
    return [
        Diamond(5 + depth * _STEP, _middle(n, len(column)), event)
        for depth, column in columns.items()
        for n, event in enumerate(column)
    ]


def _middle(n: int, number: int) -> int:
    return 14 + round((n - (number - 1) / 2) * _ROW)
