"""Run times of a processor as bars, each a step longer than the one before. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, log10

from flowdeck.history.sketch import middle

HEIGHT = 34.0
_SHORTEST = 0.001  # seconds; what is shorter counts as that
_PER_DECADE = 8


@dataclass(frozen=True, slots=True)
class Column:
    """One bar: ``x`` and ``width`` in percent, ``y`` and ``height`` in pixels, runs in it."""

    x: float
    width: float
    y: float
    height: float
    count: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars over a logarithmic axis; ``ticks`` are percent, seconds and how the label is set."""

    columns: list[Column]
    ticks: list[tuple[float, float, str]]
    total: int


def histogram(runs: Mapping[int, int]) -> Histogram | None:
    """Of sketched run times; None without any."""
    if not runs:
        return None
    logs = {at: log10(max(middle(at), _SHORTEST)) for at in runs}
    low = floor(min(logs.values()))
    high = max(ceil(max(logs.values())), low + 1)
    bins = (high - low) * _PER_DECADE
    counts = Counter[int]()
    for at, number in runs.items():
        counts[min(bins - 1, int((logs[at] - low) * _PER_DECADE))] += number
    most, step = max(counts.values()), 100 / bins
    columns = [_column(number, counts[number], most, step) for number in sorted(counts)]
    ticks = [
        (
            round(100 * (decade - low) / (high - low), 2),
            10.0**decade,
            "start" if decade == low else "end" if decade == high else "middle",
        )
        for decade in range(low, high + 1)
    ]
    return Histogram(columns, ticks, sum(runs.values()))


def _column(number: int, count: int, most: int, step: float) -> Column:
    height = round(max(1.5, HEIGHT * count / most), 1)
    return Column(
        round(number * step, 2), round(step * 0.86, 2), round(HEIGHT - height, 1), height, count
    )
