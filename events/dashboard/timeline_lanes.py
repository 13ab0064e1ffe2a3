"""Where everything of the timeline stands: lanes, bars, marks, arcs and the axis. Pure.

Heights are pixels, positions along the time axis percent, so the drawing stretches without script.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from uuid import UUID

from events.models import DeliveryState, Event
from events.traces import DeliveryNode, EventNode, Trace, Try

WINDOWS = {15: "15 s", 60: "1 min", 300: "5 min", 3600: "1 h"}
HEAD, LANE = 24, 40  # px: the axis, and one lane of three rows
_ROWS, _ROW, _FIRST = 3, 12, 8  # rows of a lane, their distance, middle of the first
_NOW = 98.6  # percent at which the window ends; marks there stay inside
_GAP = 0.014  # part of the window that stays free between neighbours of a row
_SHORTEST = 0.35  # percent, so that the shortest bar can be seen
_STEPS = {15: 3, 60: 10, 300: 60, 3600: 600}  # seconds between labelled ticks
_BEYOND = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of time that is shown: ``seconds`` up to ``until``."""

    seconds: int
    until: datetime

    @property
    def since(self) -> datetime:
        """Where it begins."""
        return self.until - timedelta(seconds=self.seconds)

    def x(self, moment: datetime) -> float:
        """Percent of a moment; negative before the window."""
        return round((moment - self.since).total_seconds() / self.seconds * _NOW, 2)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid at a round moment; ``at`` is labelled if it is set."""

    x: float
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a delivery; ``width`` 0 is a wall."""

    x: float
    width: float
    y: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Mark:
    """An event."""

    x: float
    y: float
    event: Event
    kin: bool
    selected: bool


@dataclass(frozen=True, slots=True)
class Arc:
    """From an event to what it set off; x in thousandths, for a stretched view box."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def middle(self) -> float:
        """Where the bend is."""
        return round((self.y1 + self.y2) / 2, 1)


@dataclass(slots=True)
class Lane:
    """A swimlane; y of what is in it counts from its own top."""

    name: str
    title: str
    top: int
    is_processor: bool
    bars: list[Bar] = field(default_factory=list)
    kin_bars: list[Bar] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    left_out: int = 0
    per_second: float | None = None
    p50: float | None = None

    @property
    def middle(self) -> float:
        """Its middle, from the top of the drawing."""
        return self.top + LANE / 2


@dataclass(frozen=True, slots=True)
class Drawing:
    """All of it."""

    lanes: list[Lane]
    ticks: list[Tick]
    arcs: list[Arc]
    height: int
    now: float
    shown: int


@dataclass(slots=True)
class _Item:
    """What shares a row: a delivery with the events it emitted, or an event alone."""

    start: datetime
    end: datetime
    lane: str
    delivery: DeliveryNode | None
    events: list[EventNode]
    kin: bool
    row: int | None = None


def ticks(window: Window) -> list[Tick]:
    """Lines at round moments, each fifth of a step, labelled at whole steps."""
    step = _STEPS[window.seconds]
    small = max(1, step // (3 if window.seconds == 15 else 5))
    first = int(window.since.timestamp()) // small * small
    found = []
    for second in range(first, int(window.until.timestamp()) + 1, small):
        moment = datetime.fromtimestamp(second, UTC)
        if (x := window.x(moment)) >= 0:
            found.append(Tick(x, moment if second % step == 0 else None))
    return found


def lanes_for(processors: Sequence[str], outside: Iterable[str]) -> list[Lane]:
    """One lane for producers outside of processors, then one for each processor."""
    names = sorted(set(outside))
    title = names[0] if len(names) == 1 else "producers"
    lanes = [Lane("", title, HEAD, False)]
    for place, name in enumerate(processors, 1):
        lanes.append(Lane(name, name, HEAD + place * LANE, True))
    return lanes


def lay_out(
    trace: Trace | None, window: Window, processors: Sequence[str], selected: int | None = None
) -> Drawing:
    """Draw what is known of the newest events. ``trace`` may mix correlations."""
    nodes = trace.events if trace else []
    outside = [node.row.producer for node in nodes if node.row.producer not in processors]
    lanes = {lane.name: lane for lane in lanes_for(processors, outside)}
    as_of = trace.as_of if trace else window.until
    pen = _Pen(window, min(as_of, window.until), lanes, _correlation(nodes, selected), selected)
    items = list(pen.items(nodes))
    _pack(items, timedelta(seconds=window.seconds * _GAP))
    for item in items:
        pen.draw(item)
    for lane in lanes.values():
        pen.figures(lane, [item for item in items if item.lane == lane.name])
    return Drawing(
        list(lanes.values()), ticks(window), pen.arcs(items), HEAD + LANE * len(lanes),
        window.x(window.until), sum(len(lane.marks) for lane in lanes.values()),
    )  # fmt: skip


def _correlation(nodes: Iterable[EventNode], selected: int | None) -> UUID | None:
    return next((n.row.correlation_id for n in nodes if n.row.position == selected), None)


def _pack(items: list[_Item], gap: timedelta) -> None:
    """Give each item the first free row of its lane; None if all are taken.

    By start, and with all that was read, not only what is shown: so rows stay as the axis moves.
    """
    free: dict[str, list[datetime]] = {}
    for item in sorted(items, key=lambda one: one.start):
        ends = free.setdefault(item.lane, [datetime.min.replace(tzinfo=UTC)] * _ROWS)
        item.row = next((row for row, end in enumerate(ends) if end <= item.start), None)
        if item.row is not None:
            ends[item.row] = item.end if item.end == _BEYOND else item.end + gap


class _Pen:
    """Draws items into the lanes of one window."""

    def __init__(
        self, window: Window, now: datetime, lanes: dict[str, Lane], kin: UUID | None,
        selected: int | None,
    ) -> None:  # fmt: skip
        self._window = window
        self._now = now
        self._lanes = lanes
        self._kin = kin
        self._selected = selected
        self._places: dict[int, tuple[float, float]] = {}  # kin events, by position

    def items(self, nodes: Iterable[EventNode]) -> Iterator[_Item]:
        """What has to be placed."""
        for node in nodes:
            emitter = node.emitted_by
            if emitter is None or emitter.processor not in self._lanes:
                lane = node.row.producer if node.row.producer in self._lanes else ""
                at = node.row.recorded_at
                yield _Item(at, at, lane, None, [node], self._is_kin(node))
            for delivery in node.deliveries:
                if delivery.processor in self._lanes:
                    yield self._of_delivery(delivery)

    def draw(self, item: _Item) -> None:
        """Put an item into its lane, if the window shows any of it."""
        last = _BEYOND if item.end == _BEYOND else item.end
        if last < self._window.since or item.start > self._window.until:
            return
        lane = self._lanes[item.lane]
        if item.row is None and not item.kin:
            lane.left_out += 1
            return
        y = _FIRST + (_ROWS - 1 if item.row is None else item.row) * _ROW
        if item.delivery is not None:
            into = lane.kin_bars if item.kin else lane.bars
            into += self._bars(item.delivery, y)
        for node in item.events:
            self._mark(lane, node, y, item.kin)

    def figures(self, lane: Lane, items: list[_Item]) -> None:
        """How much the lane did in the window, and how long its runs took."""
        if lane.is_processor:
            runs = [
                (one.finished_at - one.started_at).total_seconds()
                for item in items
                if item.delivery is not None
                for one in item.delivery.tries
                if one.failure is None and one.finished_at and self._inside(one.finished_at)
            ]
            lane.p50, done = (median(runs) if runs else None), len(runs)
        else:
            done = sum(self._inside(node.row.recorded_at) for i in items for node in i.events)
        lane.per_second = done / self._window.seconds

    def arcs(self, items: list[_Item]) -> list[Arc]:
        """Lines from each event of the chosen correlation to what it set off."""
        found: list[tuple[EventNode, tuple[float, float]]] = []
        for item in items:
            if not item.kin:
                continue
            if item.delivery is not None:
                begun = item.delivery.tries[0].started_at if item.delivery.tries else self._now
                y = _FIRST + (_ROWS - 1 if item.row is None else item.row) * _ROW
                end = (self._window.x(begun), self._lanes[item.lane].top + y)
                found.append((item.delivery.event, end))
            elif (node := item.events[0]).cause is not None:
                place = self._places.get(node.row.position)
                if place is not None:
                    found.append((node.cause, place))
        return [
            Arc(round(start[0] * 10, 1), start[1], round(end[0] * 10, 1), end[1])
            for cause, end in found
            if (start := self._places.get(cause.row.position)) and 0 <= end[0] <= 100
        ]

    def _of_delivery(self, delivery: DeliveryNode) -> _Item:
        end = _BEYOND if delivery.waits else delivery.ends_at or delivery.event.row.recorded_at
        ends = [end, *(node.row.recorded_at for node in delivery.emitted)]
        return _Item(
            delivery.event.row.recorded_at, max(ends), delivery.processor, delivery,
            delivery.emitted, self._is_kin(delivery.event),
        )  # fmt: skip

    def _mark(self, lane: Lane, node: EventNode, y: float, kin: bool) -> None:
        if not self._inside(node.row.recorded_at):
            return
        x = self._window.x(node.row.recorded_at)
        if kin:
            self._places[node.row.position] = (x, lane.top + y)
        lane.marks.append(Mark(x, y, node.row, kin, node.row.position == self._selected))

    def _bars(self, delivery: DeliveryNode, y: float) -> Iterator[Bar]:
        came = delivery.event.row.recorded_at
        begun = delivery.tries[0].started_at if delivery.tries else self._now
        waiting = delivery.tries or delivery.waits
        if waiting and (queue := self._bar(came, begun, y - 1, 2, "b-queue", shortest=0)):
            yield queue
        for one in delivery.tries:
            yield from self._run(delivery, one, y)
        for start, end in delivery.gaps(self._now):
            if gap := self._bar(start, end, y - 3, 6, "b-gap", shortest=0):
                yield gap

    def _run(self, delivery: DeliveryNode, one: Try, y: float) -> Iterator[Bar]:
        kind = _kind(delivery, one)
        bar = self._bar(one.started_at, one.finished_at or self._now, y - 4, 8, kind, _SHORTEST)
        if bar is None:
            return
        yield bar
        if one.failure is not None:
            wall = "b-wall b-dead" if kind == "b-dead" else "b-wall"
            yield Bar(round(bar.x + bar.width, 2), 0, y - 6, 12, wall)

    def _bar(
        self, start: datetime, end: datetime, y: float, height: float, kind: str, shortest: float
    ) -> Bar | None:
        if end < self._window.since or start > self._window.until:
            return None
        left = max(0.0, self._window.x(start))
        right = min(self._window.x(end), self._window.x(self._window.until))
        width = round(max(right - left, shortest), 2)
        return Bar(left, width, y, height, kind) if width > 0 else None

    def _inside(self, moment: datetime) -> bool:
        return self._window.since <= moment <= self._window.until

    def _is_kin(self, node: EventNode) -> bool:
        return self._kin is not None and node.row.correlation_id == self._kin


def _kind(delivery: DeliveryNode, one: Try) -> str:
    if one.finished_at is None:
        return "b-run"
    if one.failure is None:
        return "b-done"
    dead = delivery.state in (DeliveryState.DEAD, DeliveryState.DISCARDED)
    return "b-dead" if dead and one is delivery.tries[-1] else "b-fail"


__all__ = ["LANE", "WINDOWS", "Drawing", "Lane", "Window", "lanes_for", "lay_out", "ticks"]
