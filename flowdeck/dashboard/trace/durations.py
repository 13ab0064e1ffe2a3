"""The durations of the traces that fit, as bars that lead to the traces of each. Pure.

The scale is one of logarithms, heights are square roots: a few slow traces among thousands are what
the reader looks for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil, sqrt

from flowdeck import words
from flowdeck.dashboard.trace.filter import TraceFilter
from flowdeck.observe.trace_rows import FIRST, SPREAD, STEPS, Stretch

HEIGHT = 44
_FEW = 24  # stretches that the scale has at least
KINDS = ("done", "refused", "retried", "dead")


@dataclass(frozen=True, slots=True)
class Part:
    """Those of a bar that came to the same."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """Traces that took from ``over`` to ``under`` milliseconds; ``query`` shows them."""

    x: float
    width: float
    parts: list[Part]
    number: int
    over: float
    under: float
    query: str
    chosen: bool

    @property
    def label(self) -> str:
        """It in words."""
        low, high = words.duration(self.over / 1000), words.duration(self.under / 1000)
        return f"{words.counted(self.number, 'trace')} of {low} to {high}"


@dataclass(frozen=True, slots=True)
class Durations:
    """All bars, labels of the scale with their places, the number of traces (``cut``: there are
    more), and percentiles with theirs. ``low`` and ``steps`` say where the scale begins and how
    many stretches it has."""

    bars: list[Bar]
    ticks: list[tuple[float, str]]
    number: int
    cut: bool
    marks: list[tuple[float, str]]
    low: int
    steps: int


def durations(found: Iterable[Stretch], wanted: TraceFilter) -> Durations | None:
    """What is drawn; None if no trace that fits has ended."""
    by_step: dict[int, dict[str, int]] = defaultdict(dict)
    for step, kind, number in found:
        by_step[step][kind] = number
    if not by_step:
        return None
    low, high = _scale(min(by_step), max(by_step))
    most = max(sum(kinds.values()) for kinds in by_step.values())
    width = 100 / (high - low)
    bars = [
        _bar(step, kinds, (step - low) * width, width, most, wanted)
        for step, kinds in sorted(by_step.items())
    ]
    number = sum(bar.number for bar in bars)
    return Durations(
        bars,
        _ticks(low, high, width),
        number,
        number >= SPREAD,
        _percentiles(bars, number),
        low,
        high - low,
    )


def _scale(lowest: int, highest: int) -> tuple[int, int]:
    """Where it begins and ends: a stretch beyond what there is, and never so few that bars are
    broad."""
    room = max(2, _FEW - (highest + 1 - lowest))
    return lowest - room // 2, highest + 1 + (room + 1) // 2


def milliseconds(step: int) -> float:
    """Where a stretch begins, in whole microseconds: no trace ends between them."""
    return 0 if step <= FIRST else ceil(1_000_000 * 10 ** (step / STEPS) - 0.001) / 1000


def _bar(
    step: int, kinds: dict[str, int], x: float, width: float, most: int, wanted: TraceFilter
) -> Bar:
    number = sum(kinds.values())
    tall, parts, top = sqrt(number / most) * HEIGHT, list[Part](), float(HEIGHT)
    for kind in KINDS:
        if kind in kinds:
            height = max(1.5, kinds[kind] / number * tall)
            top = max(0.0, top - height)
            parts.append(Part(kind, round(top, 1), round(height, 1)))
    over, under = milliseconds(step), milliseconds(step + 1)
    chosen = (wanted.over or 0) <= over and (wanted.under is None or under <= wanted.under)
    query = replace(wanted.first, over=over, under=under).query
    return Bar(round(x, 2), round(width, 2), parts, number, over, under, query, chosen)


def _ticks(low: int, high: int, width: float) -> list[tuple[float, str]]:
    """Whole tenfolds."""
    return [
        (round((step - low) * width, 2), words.duration(10.0 ** (step // STEPS)))
        for step in range(low, high)
        if step % STEPS == 0
    ]


def _percentiles(bars: list[Bar], number: int) -> list[tuple[float, str]]:
    """Where the half and 99 of a hundred are passed: in the middle of a bar, and so said."""
    found = []
    for share in (50, 99):
        seen = 0
        for bar in bars:
            seen += bar.number
            if seen * 100 >= share * number:
                middle = (bar.over * bar.under) ** 0.5 / 1000
                found.append(
                    (round(bar.x + bar.width / 2, 2), f"p{share} {words.duration(middle)}")
                )
                break
    return found
