"""What the timeline shows at one moment, read in a constant number of bounded queries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

from events.dashboard.timeline_counts import (
    Counts,
    deliveries_by_bin,
    events_by_bin,
    failures_by_bin,
)  # fmt: skip
from events.dashboard.timeline_lanes import (
    HEAD,
    LANE,
    WINDOWS,
    Bar,
    Drawing,
    Lane,
    Window,
    lanes_for,
    lay_out,
    ticks,
)  # fmt: skip
from events.models import Attempt, Delivery, Event, ProcessorState
from events.registry import registry
from events.states import derive
from events.traces import Trace, build_trace

MOST = 400
"""Events drawn one by one; a window with more of them shows counts."""

_BINS = 60
_STRIP, _STRIP_STEP = 300, 5  # seconds of the strip, and of one of its bars
_STRIP_HEIGHT = 26
_HELD = """
SELECT processor, state, count(*) FROM (
  SELECT processor, state FROM events_delivery WHERE state IN ('retrying', 'dead') LIMIT 5000
) AS held GROUP BY processor, state
"""


@dataclass(frozen=True, slots=True)
class Head:
    """A lane with what stands before it: its state, if it has one to say."""

    lane: Lane
    state: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Strip:
    """The last five minutes: counts in ``bars``, failures as a foot, the window as ``brush``."""

    bars: list[Bar]
    brush: Bar | None
    total: int
    cut: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything. ``dense`` shows counts; ``cut``: the beginning of the window is not counted."""

    window: Window
    drawing: Drawing
    heads: list[Head]
    strip: Strip
    selected: Event | None
    dense: bool
    cut: bool
    follows: bool

    @classmethod
    def load(cls, seconds: int, position: int | None = None) -> Timeline:
        """As it is now. A selected event holds the window when it gets to its middle."""
        now = datetime.now(UTC)
        selected = Event.objects.filter(position=position).first() if position else None
        until = now
        if selected is not None:
            until = min(now, selected.recorded_at + timedelta(seconds=seconds * 0.45))
        window = Window(seconds, until)
        names = list(registry.processors)
        events = [] if seconds == max(WINDOWS) else _newest(selected)
        dense, cut = seconds == max(WINDOWS) or _too_many(events, window), False
        if dense:
            drawing, cut = _density(window, names)
        else:
            at = selected.position if selected is not None else None
            drawing = lay_out(_trace(events), window, names, at)
        return cls(
            window, drawing, _heads(drawing.lanes), _strip(now, window), selected, dense, cut,
            until == now,
        )  # fmt: skip


def _newest(selected: Event | None) -> list[Event]:
    """The newest events by position, one more than can be drawn; those around a selected one."""
    chosen = Event.objects.order_by("-position")
    if selected is not None:
        chosen = chosen.filter(position__lte=selected.position + MOST // 2)
    return list(chosen[: MOST + 1])[::-1]


def _too_many(events: list[Event], window: Window) -> bool:
    return len(events) > MOST and events[0].recorded_at >= window.since


def _trace(events: list[Event]) -> Trace | None:
    if not events:
        return None
    rows = {event.position: event for event in events}
    first, last = events[0].position, events[-1].position
    found = Delivery.objects.filter(event_id__gte=first, event_id__lte=last)
    deliveries = [delivery for delivery in found if delivery.event_id in rows]
    for delivery in deliveries:
        delivery.event = rows[delivery.event_id]
    return build_trace(events, deliveries, _failures(deliveries), derive(deliveries))


def _failures(deliveries: list[Delivery]) -> dict[int, list[Attempt]]:
    """Failed attempts, without their long texts."""
    found: dict[int, list[Attempt]] = defaultdict(list)
    tried = [d.pk for d in deliveries if d.attempts > 1 or (d.attempts and d.state != "done")]
    rows = Attempt.objects.filter(delivery_id__in=tried).defer("traceback", "message")
    for failure in rows.order_by("number", "id"):
        found[failure.delivery_id].append(failure)
    return found


def _density(window: Window, names: list[str]) -> tuple[Drawing, bool]:
    """Counts: events of producers, and settled deliveries of processors."""
    step = max(1, window.seconds // _BINS)
    events = events_by_bin(window.since, window.until, step)
    outside = {name for name, _ in events.counts if name not in names}
    counts: Counts = deliveries_by_bin(window.since, window.until, step)
    for (name, bin), n in events.counts.items():
        if name not in names:
            counts[("", bin)] = counts.get(("", bin), 0) + n
    lanes = lanes_for(names, outside)
    for lane in lanes:
        own = {bin: n for (name, bin), n in counts.items() if name == lane.name}
        lane.bars = _columns(own, window, step, LANE - 6, LANE - 1, "b-count")
        lane.per_second = None if events.cut else sum(own.values()) / window.seconds
    height = HEAD + LANE * len(lanes)
    drawing = Drawing(lanes, ticks(window), [], height, window.x(window.until), events.total)
    return drawing, events.cut


def _columns(
    counts: dict[int, int], window: Window, step: int, height: float, floor: float, kind: str,
    most: int = 0,
) -> list[Bar]:  # fmt: skip
    highest = most or max(counts.values(), default=1)
    width = window.x(window.since + timedelta(seconds=step)) * 0.8
    found = []
    for bin, n in sorted(counts.items()):
        tall = round(max(1.5, n / highest * height), 1)
        x = window.x(datetime.fromtimestamp(bin * step, UTC))
        found.append(Bar(x, round(width, 2), round(floor - tall, 1), tall, kind))
    return found


def _heads(lanes: list[Lane]) -> list[Head]:
    with connection.cursor() as cursor:
        cursor.execute(_HELD)
        held = {(name, state): n for name, state, n in cursor.fetchall()}
    paused = set(
        ProcessorState.objects.filter(paused_at__isnull=False).values_list("name", flat=True)
    )
    return [_head(lane, held, lane.name in paused) for lane in lanes]


def _head(lane: Lane, held: dict[tuple[str, str], int], paused: bool) -> Head:
    """Trouble first: what needs a person, then what is being retried, then a switch."""
    if not lane.is_processor:
        return Head(lane)
    if n := held.get((lane.name, "dead")):
        return Head(lane, "dead", f"{n:,} dead")
    if n := held.get((lane.name, "retrying")):
        return Head(lane, "retrying", f"{n:,} retrying")
    return Head(lane, "parked", "paused") if paused else Head(lane)


def _strip(now: datetime, shown: Window) -> Strip:
    window = Window(_STRIP, now)
    events = events_by_bin(window.since, now, _STRIP_STEP)
    failures = failures_by_bin(window.since, now, _STRIP_STEP)
    counts: dict[int, int] = defaultdict(int)
    for (_, bin), n in events.counts.items():
        counts[bin] += n
    most = max([*counts.values(), *failures.values()], default=1)
    sizes = (window, _STRIP_STEP, _STRIP_HEIGHT - 2, _STRIP_HEIGHT)
    bars = _columns(counts, *sizes, "h-ok", most) + _columns(failures, *sizes, "h-bad", most)
    left, right = max(0.0, window.x(shown.since)), window.x(shown.until)
    brush = Bar(left, round(right - left, 2), 0.5, _STRIP_HEIGHT, "brush") if right > left else None
    return Strip(bars, brush, events.total, events.cut)
