"""The picture beside the sign-in: a made-up stretch of the product's own timeline.

Positions are percent of the width across and pixels down, as in all charts. The picture is drawn
once: the same seed gives the same afternoon.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

LANES = ("indigo", "teal", "clay", "leaf", "magenta", "slate")
LANE_HEIGHT = 118
ROW_HEIGHT = 20
FLOWS = 24


@dataclass
class Picture:
    """Bars, glyphs and arcs; ``lit`` marks belong to the one flow that is followed."""

    bars: list[tuple[float, int, float, str, bool]] = field(default_factory=list)
    glyphs: list[tuple[float, int, str, str, bool]] = field(default_factory=list)
    arcs: list[str] = field(default_factory=list)
    lanes: list[int] = field(default_factory=lambda: [_top(lane) for lane in range(len(LANES))])
    height: int = LANE_HEIGHT * len(LANES)
    notes: list[tuple[float, int, str, str]] = field(default_factory=list)


@lru_cache(maxsize=1)
def picture() -> Picture:
    """The picture, the same for everybody."""
    random = Random(1062)  # noqa: S311 - a drawing
    drawn = Picture()
    rows: list[list[float]] = [[-1.0] * 4 for _ in LANES]
    step = 104 / FLOWS
    for number in range(FLOWS):
        start = -6 + number * step + random.uniform(0, step)
        if not 36 < start < 43:
            _flow(drawn, rows, random, start)
    _followed(drawn)
    return drawn


def _flow(drawn: Picture, rows: list[list[float]], random: Random, start: float) -> None:
    refused = random.random() < 0.08
    _event(drawn, rows, 0, start, "start")
    paid = _work(
        drawn=drawn, rows=rows, lane=1, at=start + 0.4, width=random.uniform(3, 7), refused=refused
    )
    held = _work(drawn, rows, 2, start + 0.5, random.uniform(0.4, 1.2))
    decided = _work(
        drawn=drawn, rows=rows, lane=3, at=max(paid, held) + 0.2, width=0.5, refused=refused
    )
    _work(
        drawn=drawn, rows=rows, lane=4, at=decided + 0.3, width=random.uniform(1.5, 3), role="end"
    )
    for moment in (start + 0.6, paid + 0.3, decided + 0.4):
        _bar(
            drawn=drawn,
            lane=5,
            row=_row(rows, 5, moment, 0.6),
            at=moment,
            width=0.45,
            kind="b-done",
        )


def _followed(drawn: Picture) -> None:
    """One order, its payment at the second attempt; its rows are the first of their lanes."""
    _glyph(drawn=drawn, lane=0, row=0, at=39, role="start", lit=True)
    for at, width, kind in ((39.6, 4.4, "b-fail"), (44, 8.6, "b-gap"), (52.6, 6.2, "b-done")):
        _bar(drawn=drawn, lane=1, row=-1, at=at, width=width, kind=kind, lit=True)
    _glyph(drawn=drawn, lane=1, row=-1, at=58.8, role="event", lit=True)
    _bar(drawn=drawn, lane=2, row=-1, at=39.8, width=1, kind="b-done", lit=True)
    _glyph(drawn=drawn, lane=2, row=-1, at=40.8, role="event", lit=True)
    _bar(drawn=drawn, lane=3, row=-1, at=59.3, width=0.6, kind="b-done", lit=True)
    _glyph(drawn=drawn, lane=3, row=-1, at=59.9, role="event", lit=True)
    _bar(drawn=drawn, lane=4, row=-1, at=60.5, width=2.6, kind="b-done", lit=True)
    _glyph(drawn=drawn, lane=4, row=-1, at=63.1, role="end", lit=True)
    drawn.notes = [
        (39, _top(0) - 16, "b", "order-1062 is placed"),
        (39.7, _y(1, -1) - 12, "d", "the payment fails, and is tried again"),
        (42, _y(2, -1) - 6, "d", "stock is reserved"),
        (61.2, _y(3, -1) + 4, "d", "both are there: confirmed"),
        (64.6, _y(4, -1) + 4, "d", "the customer is told"),
    ]
    drawn.arcs = [
        _arc(39, 0, 0, 39.6, 1),
        _arc(39, 0, 0, 39.8, 2),
        _arc(58.8, 1, -1, 59.3, 3),
        _arc(40.8, 2, -1, 59.2, 3),
        _arc(59.9, 3, -1, 60.5, 4),
    ]


def _event(drawn: Picture, rows: list[list[float]], lane: int, at: float, role: str) -> None:
    _glyph(drawn, lane, _row(rows, lane, at, 1.6), at, role)


def _work(
    drawn: Picture,
    rows: list[list[float]],
    lane: int,
    at: float,
    width: float,
    refused: bool = False,
    role: str = "event",
) -> float:
    row = _row(rows, lane, at, width + 1)
    _bar(drawn=drawn, lane=lane, row=row, at=at, width=width, kind="b-done")
    _glyph(drawn, lane, row, at + width, "refusal" if refused else role)
    return at + width


def _bar(
    drawn: Picture, lane: int, row: int, at: float, width: float, kind: str, lit: bool = False
) -> None:
    drawn.bars.append((round(at, 2), _y(lane, row) - 5, round(width, 2), kind, lit))


def _glyph(drawn: Picture, lane: int, row: int, at: float, role: str, lit: bool = False) -> None:
    hue = "s-no" if role == "refusal" else f"p-{LANES[lane]}"
    drawn.glyphs.append((round(at, 2), _y(lane, row) - 8, hue, role, lit))


def _arc(at: float, lane: int, row: int, to: float, target: int) -> str:
    x, y, x2, y2 = at * 10, _y(lane, row), to * 10, _y(target, -1)
    return f"M{x:.0f} {y}C{x:.0f} {(y + y2) / 2:.0f} {x2:.0f} {(y + y2) / 2:.0f} {x2:.0f} {y2}"


def _row(rows: list[list[float]], lane: int, at: float, width: float) -> int:
    for row, end in enumerate(rows[lane]):
        if end <= at:
            rows[lane][row] = at + width
            return row
    return len(rows[lane]) - 1


def _top(lane: int) -> int:
    return 46 + lane * LANE_HEIGHT


def _y(lane: int, row: int) -> int:
    return _top(lane) + row * ROW_HEIGHT
