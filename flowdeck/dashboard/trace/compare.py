"""Two traces side by side on one axis: the same steps in one row, what differs marked. Pure.

Steps are the same if the chain of events and processors that led to them is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from flowdeck.dashboard.shared.axis import Axis, Stretch, Tick
from flowdeck.dashboard.shared.shapes import Rect, bar_kind
from flowdeck.observe.traces import DeliveryNode, EventNode, Trace

_LABEL_ROOM = 22.0  # percent: two charts stand side by side
MOST_ROWS = 300
_SHORTEST = 0.4  # percent
_NOTABLE = 0.02  # seconds; a smaller difference is noise

Path = tuple[str, ...]


@dataclass(slots=True)
class Side:
    """What one trace has of a step. ``seconds`` is the run time of a delivery with all its tries,
    or when an event was recorded."""

    node: EventNode | DeliveryNode
    seconds: float | None
    bars: list[Rect] = field(default_factory=list)
    wait: tuple[float, float] | None = None
    mark: float | None = None


@dataclass(slots=True)
class Pair:
    """A row: one step of both traces, or of one of them (the other side is None)."""

    level: int
    name: str
    sides: tuple[Side | None, Side | None]

    @property
    def event(self) -> EventNode | None:
        """The event of the row, for its glyph."""
        node = next(side.node for side in self.sides if side is not None)
        return node if isinstance(node, EventNode) else None

    @property
    def indent(self) -> int:
        """How far it is moved in."""
        return min(self.level, 8)

    @property
    def difference(self) -> float | None:
        """Seconds that the second trace took longer; None if a side is missing or unknown."""
        first, second = self.sides
        if first is None or second is None or first.seconds is None or second.seconds is None:
            return None
        return second.seconds - first.seconds

    @property
    def notable(self) -> bool:
        """Whether it is worth a look: on one side only, or clearly slower on one."""
        if None in self.sides:
            return True
        difference, first = self.difference, self.sides[0]
        if difference is None or first is None or first.seconds is None:
            return False
        return abs(difference) > max(_NOTABLE, 0.5 * first.seconds)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows, on one axis. ``left_out`` rows did not fit."""

    rows: list[Pair]
    ticks: list[Tick]
    folded: list[Stretch]
    skipped: list[Tick]
    left_out: int

    @property
    def notable(self) -> int:
        """How many rows differ."""
        return sum(row.notable for row in self.rows)


def compare(first: Trace, second: Trace) -> Comparison:
    """Lay both out."""
    busy = [*_busy(first), *_busy(second)]
    axis = Axis(max(first.seconds, second.seconds), busy, room=_LABEL_ROOM)
    traces = (first, second)
    found = tuple(dict(_steps(trace)) for trace in traces)
    rows = []
    for path in _merged(*found):
        nodes = [steps.get(path) for steps in found]
        sides = tuple(
            None if node is None else _side(node, trace, axis)
            for node, trace in zip(nodes, traces, strict=True)
        )
        rows.append(Pair(len(path) - 1, path[-1], (sides[0], sides[1])))
    return Comparison(
        rows[:MOST_ROWS], axis.ticks(), axis.folded, axis.skipped(), max(0, len(rows) - MOST_ROWS)
    )


def _merged(first: Iterable[Path], second: Iterable[Path]) -> Iterator[Path]:
    """The paths of both in reading order, each once; those of the first go first."""
    below: dict[Path, dict[Path, None]] = defaultdict(dict)
    for path in (*first, *second):
        below[path[:-1]].setdefault(path)
    stack = list(reversed(below[()]))
    while stack:
        path = stack.pop()
        yield path
        stack += reversed(below[path])


def _steps(trace: Trace) -> Iterator[tuple[Path, EventNode | DeliveryNode]]:
    """Every event and delivery with its path; the n-th of the same name says so."""
    stack: list[tuple[Path, EventNode | DeliveryNode]] = []

    def push(parent: Path, nodes: list[EventNode | DeliveryNode]) -> None:
        seen: dict[str, int] = defaultdict(int)
        named = []
        for node in nodes:
            name = node.row.type if isinstance(node, EventNode) else node.processor
            seen[name] += 1
            again = f" {seen[name]}" if seen[name] > 1 else ""
            named.append(((*parent, f"{name}{again}"), node))
        stack.extend(reversed(named))

    push((), [*trace.roots])
    while stack:
        path, node = stack.pop()
        yield path, node
        below: list[EventNode | DeliveryNode]
        if isinstance(node, EventNode):
            below = [*node.deliveries, *node.followed_by]
        else:
            below = [*node.emitted]
        push(path, below)


def _side(node: EventNode | DeliveryNode, trace: Trace, axis: Axis) -> Side:
    def at(moment: datetime) -> float:
        return max(0.0, (moment - trace.started_at).total_seconds())

    if isinstance(node, EventNode):
        moment = at(node.row.recorded_at)
        return Side(node, moment, mark=axis.x(moment))
    came = axis.x(at(node.event.row.recorded_at))
    if not node.tries:
        return Side(node, None, wait=(came, axis.x(at(trace.ended_at))))
    bars = []
    for one in node.tries:
        left = axis.x(at(one.started_at))
        right = axis.x(at(one.finished_at or trace.as_of))
        bars.append(
            Rect(
                x=left,
                width=max(right - left, _SHORTEST),
                y=11,
                height=9,
                kind=bar_kind(node, one),
                radius=2,
            )
        )
    for start, end in node.gaps(trace.as_of):
        left, right = axis.x(at(start)), axis.x(at(end))
        bars.append(Rect(x=left, width=right - left, y=12.5, height=6, kind="b-gap", radius=0))
    begun, ended = node.tries[0].started_at, node.ends_at or trace.as_of
    return Side(node, (ended - begun).total_seconds(), bars, (came, axis.x(at(begun))))


def _busy(trace: Trace) -> Iterator[tuple[float, float]]:
    """When something is done in it, in seconds from its start."""
    for event in trace.events:
        moment = (event.row.recorded_at - trace.started_at).total_seconds()
        yield max(0.0, moment), max(0.0, moment)
    for delivery in trace.deliveries:
        for one in delivery.tries:
            start = max(0.0, (one.started_at - trace.started_at).total_seconds())
            end = ((one.finished_at or trace.as_of) - trace.started_at).total_seconds()
            yield start, max(start, end)
