"""Counts instead of marks: a window with too much in it, and the strip under the lanes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flowdeck.dashboard.timeline.counts import Counted, Counts, counted
from flowdeck.dashboard.timeline.shapes import (
    FOLDED,
    NOW,
    Bar,
    Drawing,
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
    """Five minutes: counts in ``bars``, failures as a foot, the window as ``brush``."""

    window: Window
    bars: list[Bar]
    brush: Bar | None
    total: int
    cut: bool


def density(
    window: Window, processors: Sequence[str], folded: Sequence[str]
) -> tuple[Drawing, Counted]:
    """Counts: events of producers, and of processors what they finished, with failures as a foot.

    Five queries at most; also what was counted.
    """
    found = counted(window.since, window.until, max(1, window.seconds // _BINS))
    known = {*processors, *folded}
    outside = {name for name, _ in found.events if name not in known}
    lanes = lanes_for(processors, outside, folded)
    for lane in lanes:
        of_processor = lane.is_processor or lane.folded
        kind = "b-count" if of_processor else "b-events"
        own = _of_lane(found.done if of_processor else found.events, lane, outside, folded)
        bad = _of_lane(found.failed, lane, outside, folded) if of_processor else {}
        most = max([*own.values(), *bad.values()], default=1)
        sizes = (window, found.step, lane.height - 6, lane.height - 1)
        lane.bars = _columns(own, *sizes, kind, most) + _columns(bad, *sizes, "h-bad", most)
        lane.per_second = sum(own.values()) / window.seconds if found.whole else None
    shown = found.events.total() + found.done.total() + found.failed.total()
    return Drawing(lanes, ticks(window), [], stack(lanes), shown), found


def strip(now: datetime, shown: Window) -> Strip:
    """The five minutes around the window; the last five while it is among them. Five queries."""
    until = now
    if shown.since < now - timedelta(seconds=_STRIP):
        until = min(now, shown.until + timedelta(seconds=_STRIP / 4))
    # To the end of a bar, so that the bars stay as they are until the next one begins.
    end = int(until.timestamp()) // _STRIP_STEP * _STRIP_STEP + _STRIP_STEP
    window = Window(_STRIP, datetime.fromtimestamp(end, UTC))
    found = counted(window.since, until, _STRIP_STEP)
    counts, failures = _in_all(found.events), _in_all(found.failed)
    most = max([*counts.values(), *failures.values()], default=1)
    sizes = (window, found.step, _STRIP_HEIGHT - 2, _STRIP_HEIGHT)
    bars = _columns(counts, *sizes, "h-ok", most) + _columns(failures, *sizes, "h-bad", most)
    left, right = window.x(max(window.since, shown.since)), window.x(shown.until)
    brush = Bar(left, round(right - left, 2), 0.5, _STRIP_HEIGHT, "brush") if right > left else None
    return Strip(window, bars, brush, sum(counts.values()), found.cut)


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


def _columns(
    counts: Mapping[int, int],
    window: Window,
    step: int,
    height: float,
    floor: float,
    kind: str,
    most: int = 0,
) -> list[Bar]:
    highest = most or max(counts.values(), default=1)
    width = step / window.seconds * NOW * 0.8
    found = []
    for bin, n in sorted(counts.items()):
        tall = round(max(1.5, n / highest * height), 1)
        x = window.x(datetime.fromtimestamp(bin * step, UTC))
        seen = max(0.1, min(width, window.x(window.until) - x))
        found.append(Bar(x, round(seen, 2), round(floor - tall, 1), tall, kind))
    return found
