"""Counts instead of marks: a window with too much in it, and the strip under the lanes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flowdeck.dashboard.timeline.counts import Counts, Stretch
from flowdeck.dashboard.timeline.past import past
from flowdeck.dashboard.timeline.shapes import (
    FOLDED,
    NOW,
    Bar,
    Drawing,
    Window,
    lanes_for,
    stack,
    ticks,
)

_BINS = 60
_STRIP, _STRIP_STEP = 300, 5  # seconds of the strip, and of one of its bars
_STRIP_HEIGHT = 26
_SETTLED = 60  # seconds after which no more is recorded for a moment


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
) -> tuple[Drawing, bool]:
    """Counts: events of producers, and settled deliveries of processors; four queries.

    Also whether the beginning of the window is left out.
    """
    step = max(1, window.seconds // _BINS)
    events, settled, cut = _counted(window, step)
    known = {*processors, *folded}
    outside = {name for name, _ in events if name not in known}
    lanes = lanes_for(processors, outside, folded)
    for lane in lanes:
        own: dict[int, int] = defaultdict(int)
        for (name, bin), n in (settled if lane.is_processor or lane.folded else events).items():
            if _belongs(name, lane.name, outside, folded):
                own[bin] += n
        kind = "b-count" if lane.is_processor or lane.folded else "b-events"
        lane.bars = _columns(
            counts=own,
            window=window,
            step=step,
            height=lane.height - 6,
            floor=lane.height - 1,
            kind=kind,
        )
        lane.per_second = None if cut else sum(own.values()) / window.seconds
    total = sum(events.values())
    drawing = Drawing(lanes, ticks(window), [], stack(lanes), total)
    return drawing, cut


def strip(now: datetime, shown: Window) -> Strip:
    """The five minutes around the window; the last five while it is among them. Four queries."""
    until = now
    if shown.since < now - timedelta(seconds=_STRIP):
        until = min(now, shown.until + timedelta(seconds=_STRIP / 4))
    # To the end of a bar, so that the bars stay as they are until the next one begins.
    end = int(until.timestamp()) // _STRIP_STEP * _STRIP_STEP + _STRIP_STEP
    window = Window(_STRIP, datetime.fromtimestamp(end, UTC))
    stretch = Stretch.of(window.since, until, _STRIP_STEP)
    counts: dict[int, int] = defaultdict(int)
    for (_, bin), n in stretch.events().items():
        counts[bin] += n
    failures = stretch.failures()
    most = max([*counts.values(), *failures.values()], default=1)
    sizes = (window, _STRIP_STEP, _STRIP_HEIGHT - 2, _STRIP_HEIGHT)
    bars = _columns(counts, *sizes, "h-ok", most) + _columns(failures, *sizes, "h-bad", most)
    left, right = window.x(max(window.since, shown.since)), window.x(shown.until)
    brush = Bar(left, round(right - left, 2), 0.5, _STRIP_HEIGHT, "brush") if right > left else None
    return Strip(window, bars, brush, sum(counts.values()), stretch.cut)


def _counted(window: Window, step: int) -> tuple[Counts, Counts, bool]:
    """Events, settled deliveries, and whether older ones are left out."""
    edge = _round(window.until - timedelta(seconds=_SETTLED), step)
    if edge <= window.since:
        recent = Stretch.of(window.since, window.until, step)
        return recent.events(), recent.deliveries(), recent.cut
    ended = past(_round(window.since, step), edge, step)
    recent = Stretch.of(edge, window.until, step)
    events, settled = ended.events | recent.events(), ended.settled | recent.late().deliveries()
    return events, settled, ended.cut or recent.cut


def _round(moment: datetime, step: int) -> datetime:
    return datetime.fromtimestamp(int(moment.timestamp()) // step * step, UTC)


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
