"""The time axis of a waterfall: moments to percent, with idle stretches folded together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil, floor, log10

from flowdeck import words

LEFT, RIGHT = 0.6, 98.0  # percent; marks at the ends stay inside
_IDLE = 0.5  # seconds without work from which on a stretch is folded
_IDLE_SHARE = 0.08  # and at least this part of all
_FOLDED = 6.0  # percent that a folded stretch takes
_FOLDED_TOGETHER = 40.0
_MARGIN = 0.08  # part of the working time that stays visible at each end of a folded stretch
_TICKS = 9
_LABEL_ROOM = 11.0  # percent, of a chart with a drawer beside it


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of the axis; seconds from the start, and where it is drawn."""

    start: float
    end: float
    left: float
    right: float
    folded: bool = False

    @property
    def seconds(self) -> float:
        """Its length in time."""
        return self.end - self.start

    @property
    def width(self) -> float:
        """Its length on the page."""
        return self.right - self.left

    @property
    def middle(self) -> float:
        """Where the label of a folded stretch stands."""
        return (self.left + self.right) / 2


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid. ``label`` is empty where there is no room for it."""

    x: float
    label: str = ""
    anchor: str = "middle"


class Axis:
    """From 0 to ``seconds``. ``busy`` are intervals in which something is done; a label takes
    ``room`` percent."""

    def __init__(
        self,
        seconds: float,
        busy: Iterable[tuple[float, float]] = (),
        fold: bool = True,
        room: float = _LABEL_ROOM,
    ) -> None:
        self.room = room
        self.seconds = max(seconds, 0.001)
        idle = list(_idle(self.seconds, busy)) if fold else []
        self.stretches = list(_stretches(self.seconds, idle))

    def x(self, moment: float) -> float:
        """Percent of a moment; those outside are drawn at the ends."""
        inside = min(max(moment, 0.0), self.seconds)
        for stretch in self.stretches:
            if inside <= stretch.end:
                part = (inside - stretch.start) / stretch.seconds if stretch.seconds else 0.0
                return round(stretch.left + part * stretch.width, 3)
        return RIGHT

    @property
    def folded(self) -> list[Stretch]:
        """Stretches that are folded together."""
        return [stretch for stretch in self.stretches if stretch.folded]

    def skipped(self) -> list[Tick]:
        """The times skipped, each in the middle of its stretch, where labels do not meet."""
        labels: list[Tick] = []
        for stretch in self.folded:
            if not labels or stretch.middle - labels[-1].x >= self.room + 1:
                labels.append(Tick(round(stretch.middle, 3), _length(stretch.seconds)))
        return labels

    def ticks(self) -> list[Tick]:
        """Lines at round times, labelled where labels do not meet each other."""
        step = _round_up(sum(s.seconds for s in self.stretches if not s.folded) / _TICKS)
        labels = [skipped.x for skipped in self.skipped()]
        ticks, last = [], ""
        for moment in self._moments(step):
            x = self.x(moment)
            label = _label(moment, step)
            room = label != last and all(abs(x - other) >= self.room for other in labels)
            if room:
                labels.append(x)
                last = label
            anchor = "start" if moment == 0 else "middle"
            ticks.append(Tick(x, label if room else "", anchor))
        return ticks

    def _moments(self, step: float) -> Iterator[float]:
        # Stretch by stretch: what is folded may be days, and the step a millisecond.
        last = -1
        for stretch in self.stretches:
            if stretch.folded:
                continue
            for number in range(ceil(stretch.start / step), floor(stretch.end / step) + 1):
                if number > last:
                    last = number
                    yield number * step


def _idle(seconds: float, busy: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Stretches in which nothing is done, long enough to be folded."""
    merged = _merged(busy)
    margin = max(0.005, _MARGIN * sum(end - start for start, end in merged))
    longest = max(_IDLE, _IDLE_SHARE * seconds)
    edges = [0.0, *(moment for pair in merged for moment in pair), seconds]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        start, end = start + margin, end - margin
        if end - start > longest:
            yield start, end


def _merged(intervals: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _stretches(seconds: float, idle: list[tuple[float, float]]) -> Iterator[Stretch]:
    each = min(_FOLDED, _FOLDED_TOGETHER / len(idle)) if idle else 0.0
    shown = seconds - sum(end - start for start, end in idle)
    per_second = (RIGHT - LEFT - each * len(idle)) / shown
    at, left = 0.0, LEFT
    for start, end in [*idle, (seconds, seconds)]:
        right = left + (start - at) * per_second
        if start > at:
            yield Stretch(at, start, left, right)
        if end > start:
            yield Stretch(start, end, right, right + each, folded=True)
        at, left = end, right + each


def _round_up(raw: float) -> float:
    magnitude = 10.0 ** floor(log10(raw)) if raw > 0 else 0.001
    return next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw * 0.999)


def _length(seconds: float) -> str:
    return words.duration(seconds)


def _label(moment: float, step: float) -> str:
    if moment == 0:
        return "0"
    if step * 1000 < 500 and moment < 1:
        return f"{moment * 1000:g} ms"
    if moment < 120:
        return f"{moment:.{_decimals(step)}f} s"
    return words.long(round(moment))


def _decimals(step: float) -> int:
    """How many a number of steps needs to be told from the next one; a step may begin with 2.5."""
    return next(n for n in range(7) if n == 6 or abs(step - round(step, n)) < step * 1e-6)
