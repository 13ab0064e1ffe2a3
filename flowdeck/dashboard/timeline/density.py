"""Counts instead of marks: a window with too much in it, and the strip under the lanes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import sqrt
from types import MappingProxyType

from flowdeck.dashboard.timeline.counts import Counted, Counts, counted
from flowdeck.dashboard.timeline.flags import flags
from flowdeck.dashboard.timeline.shapes import (
    FOLDED,
    NOW,
    Band,
    Bar,
    Drawing,
    Flag,
    Lane,
    Window,
    lanes_for,
    stack,
    ticks,
)

_BINS = 60
_STRIP, _STRIP_STEP = 300, 5  # seconds of the strip, and of one of its bars
_STRIP_HEIGHT = 26


@dataclass(frozen=True, slots=True)
class Strip:
    """Five minutes: counts in ``bars``, failures and dead letters as a foot, the window as
    ``brush``, releases as ``flags``."""

    window: Window
    bars: list[Bar]
    brush: Bar | None
    total: int
    cut: bool
    flags: list[Flag]


def density(
    window: Window,
    processors: Sequence[str],
    folded: Sequence[str],
    bands: Mapping[str, Band] = MappingProxyType({}),
) -> tuple[Drawing, Counted]:
    """Counts: events of producers, and of processors what they finished, with failures and dead
    letters stacked upon it.

    Six queries at most; also what was counted.
    """
    found = counted(window.since, window.until, max(1, window.seconds // _BINS))
    known = {*processors, *folded}
    outside = {name for name, _ in found.events if name not in known}
    lanes = lanes_for(processors, outside, folded, bands)
    for lane in lanes:
        of_processor = lane.is_processor or lane.folded
        kind = "b-count" if of_processor else "b-events"
        own = _of_lane(found.done if of_processor else found.events, lane, outside, folded)
        dead = _of_lane(found.dead, lane, outside, folded) if of_processor else {}
        failed = _of_lane(found.failed, lane, outside, folded) if of_processor else {}
        bad = Counter(failed) - Counter(dead)
        sizes = (window, found.step, lane.inner - 6, lane.inner - 1)
        lane.bars = _stacked([(own, kind), (bad, "h-bad"), (dead, "h-dead")], *sizes)
        lane.per_second = sum(own.values()) / window.seconds if found.whole else None
    shown = found.events.total() + found.done.total() + found.failed.total()
    return Drawing(lanes, ticks(window), [], stack(lanes), shown), found


def strip(now: datetime, shown: Window) -> Strip:
    """The five minutes around the window; the last five while it is among them. Seven queries."""
    until = now
    if shown.since < now - timedelta(seconds=_STRIP):
        until = min(now, shown.until + timedelta(seconds=_STRIP / 4))
    # To the end of a bar, so that the bars stay as they are until the next one begins.
    end = int(until.timestamp()) // _STRIP_STEP * _STRIP_STEP + _STRIP_STEP
    window = Window(_STRIP, datetime.fromtimestamp(end, UTC))
    found = counted(window.since, until, _STRIP_STEP)
    counts, dead = _in_all(found.events), Counter(_in_all(found.dead))
    failures = Counter(_in_all(found.failed)) - dead
    sizes = (window, found.step, _STRIP_HEIGHT - 2, _STRIP_HEIGHT)
    foot = _stacked([(dead, "h-dead"), (failures, "h-bad")], *sizes, most=_most([counts]))
    bars = _stacked([(counts, "h-ok")], *sizes) + foot
    left, right = window.x(max(window.since, shown.since)), window.x(shown.until)
    brush = Bar(left, round(right - left, 2), 0.5, _STRIP_HEIGHT, "brush") if right > left else None
    return Strip(window, bars, brush, sum(counts.values()), found.cut, flags(window))


def _of_lane(
    counts: Counts, lane: Lane, outside: set[str], folded: Sequence[str]
) -> Mapping[int, int]:
    own = Counter[int]()
    for (name, bin), n in counts.items():
        if _belongs(name, lane.name, outside, folded):
            own[bin] += n
    return own


def _in_all(counts: Counts) -> Mapping[int, int]:
    found = Counter[int]()
    for (_, bin), n in counts.items():
        found[bin] += n
    return found


def _belongs(name: str, lane: str, outside: set[str], folded: Sequence[str]) -> bool:
    if lane == FOLDED:
        return name in folded
    return name in outside if not lane else name == lane


Layer = tuple[Mapping[int, int], str]


def _most(layers: Iterable[Mapping[int, int]]) -> int:
    """The highest of the sums of layers upon each other."""
    sums = Counter[int]()
    for counts in layers:
        sums.update(counts)
    return max(sums.values(), default=1)


def _stacked(
    layers: Sequence[Layer],
    window: Window,
    step: int,
    height: float,
    floor: float,
    most: int = 0,
) -> list[Bar]:
    """Columns of counts, one layer upon the other. Heights are square roots of the sums, so that a
    burst does not flatten all else; what is there at all can be seen."""
    highest = max(most, _most(counts for counts, _ in layers))
    width = step / window.seconds * NOW * 0.8
    below, found = Counter[int](), list[Bar]()
    for counts, kind in layers:
        for bin, n in sorted(counts.items()):
            x = window.x(datetime.fromtimestamp(bin * step, UTC))
            seen = max(0.1, min(width, window.x(window.until) - x))
            low, high = (sqrt(count / highest) * height for count in (below[bin], below[bin] + n))
            tall = round(max(1.5, high - low), 1)
            found.append(Bar(x, round(seen, 2), round(floor - low - tall, 1), tall, kind))
            below[bin] += n
    return found
