"""The layout of the timeline: packs deliveries and events into lanes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from types import MappingProxyType
from uuid import UUID

from flowdeck.dashboard.shared.shapes import bar_kind
from flowdeck.dashboard.timeline.shapes import (
    FEW_ROWS,
    FIRST,
    FOLDED,
    MANY_ROWS,
    ROW,
    Arc,
    Band,
    Bar,
    Drawing,
    Lane,
    Mark,
    Run,
    Window,
    lanes_for,
    stack,
    ticks,
)
from flowdeck.declare.states import DeliveryState
from flowdeck.observe.traces import DeliveryNode, EventNode, Trace, Try

_GAP = 0.014  # part of the window that stays free between neighbours of a row
_SHORTEST = 0.35  # percent, so that the shortest bar can be seen
_SEEN = 0.15  # percent; a shorter wait is not drawn
_BEYOND = datetime.max.replace(tzinfo=UTC)


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


def lay_out(
    trace: Trace | None,
    window: Window,
    processors: Sequence[str],
    folded: Sequence[str] = (),
    selected: int | None = None,
    bands: Mapping[str, Band] = MappingProxyType({}),
) -> Drawing:
    """Draw what is known of the newest events. ``trace`` may mix correlations.

    Of ``folded`` processors only the events are drawn, in a lane for all of them.
    """
    nodes = trace.events if trace else []
    known = {*processors, *folded}
    outside = [node.row.producer for node in nodes if node.row.producer not in known]
    lanes = {lane.name: lane for lane in lanes_for(processors, outside, folded, bands)}
    as_of = trace.as_of if trace else window.until
    kin = _correlation(nodes, selected)
    pen = _Pen(
        window=window,
        now=min(as_of, window.until),
        lanes=lanes,
        folded=set(folded),
        kin=kin,
        selected=selected,
    )
    items = list(pen.items(nodes))
    _pack(items, window, lanes)
    height = stack(list(lanes.values()))
    for item in items:
        pen.draw(item)
    for lane in lanes.values():
        pen.figures(lane, [item for item in items if item.lane == lane.name])
    return Drawing(
        list(lanes.values()),
        ticks(window),
        pen.arcs(items),
        height,
        sum(len(lane.marks) for lane in lanes.values()),
    )


def _correlation(nodes: Iterable[EventNode], selected: int | None) -> UUID | None:
    return next((n.row.correlation_id for n in nodes if n.row.position == selected), None)


def _pack(items: list[_Item], window: Window, lanes: dict[str, Lane]) -> None:
    """Give each item the first free row of its lane; None if all are taken.

    By start, and with all that was read, not only what is shown: so rows stay as the axis moves.
    A lane grows if what is shown needs it.
    """
    gap = timedelta(seconds=window.seconds * _GAP)
    free: dict[str, list[datetime]] = {}
    for item in sorted(items, key=lambda one: one.start):
        ends = free.setdefault(item.lane, [datetime.min.replace(tzinfo=UTC)] * MANY_ROWS)
        item.row = next((row for row, end in enumerate(ends) if end <= item.start), None)
        seen = item.end >= window.since and item.start <= window.until
        if seen and (item.row is None or item.row >= FEW_ROWS):
            lanes[item.lane].rows = MANY_ROWS
        if item.row is not None:
            ends[item.row] = item.end if item.end == _BEYOND else item.end + gap


class _Pen:
    """Draws items into the lanes of one window."""

    def __init__(
        self,
        window: Window,
        now: datetime,
        lanes: dict[str, Lane],
        folded: set[str],
        kin: UUID | None,
        selected: int | None,
    ) -> None:
        self._window = window
        self._now = now
        self._lanes = lanes
        self._folded = folded
        self._kin = kin
        self._selected = selected
        self._places: dict[int, tuple[float, float]] = {}  # kin events, by position

    def items(self, nodes: Iterable[EventNode]) -> Iterator[_Item]:
        """What has to be placed."""
        for node in nodes:
            emitter = node.emitted_by
            if emitter is None or emitter.processor not in self._lanes:
                at = node.row.recorded_at
                yield _Item(
                    start=at,
                    end=at,
                    lane=self._lane_of(node),
                    delivery=None,
                    events=[node],
                    kin=self._is_kin(node),
                )
            for delivery in node.deliveries:
                if delivery.processor in self._lanes:
                    yield self._of_delivery(delivery)

    def _lane_of(self, node: EventNode) -> str:
        producer = node.row.producer
        if producer in self._lanes:
            return producer
        return FOLDED if producer in self._folded else ""

    def draw(self, item: _Item) -> None:
        """Put an item into its lane, if the window shows any of it."""
        last = _BEYOND if item.end == _BEYOND else item.end
        if last < self._window.since or item.start > self._window.until:
            return
        lane = self._lanes[item.lane]
        if item.row is None and not item.kin:
            lane.left_out += 1
            return
        y = self._y(item)
        if item.delivery is not None:
            bars = list(self._bars(item.delivery, y))
            of = item.delivery.event.row.correlation_id
            lane.runs += [Run(item.delivery.row.name, bars, of, item.kin)] if bars else []
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
                end = (self._window.x(begun), self._lanes[item.lane].top + self._y(item))
                found.append((item.delivery.event, end))
            elif (node := item.events[0]).cause is not None:
                place = self._places.get(node.row.position)
                if place is not None:
                    found.append((node.cause, place))
        return [
            Arc(round(start[0] * 10, 1), start[1], round(end[0] * 10, 1), end[1])
            for cause, end in found
            if (start := self._places.get(cause.row.position))
        ]

    def _y(self, item: _Item) -> int:
        last = self._lanes[item.lane].rows - 1
        return FIRST + (last if item.row is None else item.row) * ROW

    def _of_delivery(self, delivery: DeliveryNode) -> _Item:
        end = _BEYOND if delivery.waits else delivery.ends_at or delivery.event.row.recorded_at
        ends = [end, *(node.row.recorded_at for node in delivery.emitted)]
        return _Item(
            start=delivery.event.row.recorded_at,
            end=max(ends),
            lane=delivery.processor,
            delivery=delivery,
            events=delivery.emitted,
            kin=self._is_kin(delivery.event),
        )

    def _mark(self, lane: Lane, node: EventNode, y: float, kin: bool) -> None:
        if not self._inside(node.row.recorded_at):
            return
        x = self._window.x(node.row.recorded_at)
        if kin:
            self._places[node.row.position] = (x, lane.top + y)
        cause = node.cause.row.position if node.cause is not None else None
        lane.marks.append(
            Mark(
                x=x,
                y=y,
                event=node.row,
                kin=kin,
                selected=node.row.position == self._selected,
                cause=cause,
            )
        )

    def _bars(self, delivery: DeliveryNode, y: float) -> Iterator[Bar]:
        came = delivery.event.row.recorded_at
        begun = delivery.tries[0].started_at if delivery.tries else self._now
        waiting = delivery.tries or delivery.waits
        parked = delivery.state == DeliveryState.PARKED
        height, kind = (6, "b-park") if parked else (2, "b-queue")
        if waiting and (
            queue := self._bar(
                start=came, end=begun, y=y - height / 2, height=height, kind=kind, shortest=0
            )
        ):
            yield queue
        for one in delivery.tries:
            yield from self._run(delivery, one, y)
        for start, end in delivery.gaps(self._now):
            if gap := self._bar(start=start, end=end, y=y - 3, height=6, kind="b-gap", shortest=0):
                yield gap

    def _run(self, delivery: DeliveryNode, one: Try, y: float) -> Iterator[Bar]:
        kind = bar_kind(delivery, one)
        bar = self._bar(
            start=one.started_at,
            end=one.finished_at or self._now,
            y=y - 4,
            height=8,
            kind=kind,
            shortest=_SHORTEST,
        )
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
        left = self._window.x(max(start, self._window.origin))
        right = min(self._window.x(end), self._window.x(self._window.until))
        width = round(max(right - left, shortest), 2)
        return Bar(left, width, y, height, kind) if width > _SEEN else None

    def _inside(self, moment: datetime) -> bool:
        return self._window.since <= moment <= self._window.until

    def _is_kin(self, node: EventNode) -> bool:
        return self._kin is not None and node.row.correlation_id == self._kin
