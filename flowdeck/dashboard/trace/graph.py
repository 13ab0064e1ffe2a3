"""The layout of a trace's causal graph. Pure.

A column for each step. An event is a box that names who heard it without emitting anything, and
over which connectors it came and went; a delivery that emitted stands on the line to what it
emitted. Pixels; the drawing pans.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flowdeck.dashboard.trace.hops import Hop
from flowdeck.observe.traces import DeliveryNode, EventNode, Trace

MOST_EVENTS = 120
BOX, GAP, HEAD, LINE = 178, 158, 44, 19
_PILL, _PILL_HEIGHT = 138, 36
_BETWEEN, _EDGE = 18, 16


@dataclass(slots=True)
class Box:
    """An event with its silent deliveries and its hops, from its left upper corner."""

    node: EventNode
    x: int
    y: int
    silent: list[DeliveryNode]
    hops: Sequence[Hop] = ()

    @property
    def height(self) -> int:
        """Its height."""
        count = len(self.silent) + len(self.hops)
        return HEAD + count * LINE + (6 if count else 0)

    @property
    def middle(self) -> int:
        """Where lines arrive and leave."""
        return self.y + HEAD // 2

    @property
    def right(self) -> int:
        """Its right edge."""
        return self.x + BOX

    @property
    def lines(self) -> list[tuple[int, DeliveryNode]]:
        """The silent deliveries and where each stands."""
        return [(HEAD + n * LINE, delivery) for n, delivery in enumerate(self.silent)]

    @property
    def ports(self) -> list[tuple[int, Hop]]:
        """The hops and where each stands, below the deliveries."""
        return [(HEAD + n * LINE, hop) for n, hop in enumerate(self.hops, len(self.silent))]


@dataclass(frozen=True, slots=True)
class Pill:
    """A delivery that emitted something."""

    node: DeliveryNode
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Link:
    """A line from a cause to its effect; ``kind`` is a class: path, join or nothing."""

    path: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """The whole drawing. ``left_out`` events did not fit."""

    boxes: list[Box]
    pills: list[Pill]
    links: list[Link]
    width: int
    height: int
    left_out: int


def lay_out(trace: Trace, hops: Mapping[int, Sequence[Hop]]) -> Graph:
    """Draw ``trace``, with the hops of its events by their positions."""
    boxes = {id(box.node): box for box in _boxes(trace, hops)}
    shown = list(boxes.values())
    pills, links = list(_pills(boxes)), list(_links(boxes))
    return Graph(
        boxes=shown,
        pills=pills,
        links=[link for link in links if link.kind != "path"]
        + [link for link in links if link.kind == "path"],
        width=max((box.right for box in shown), default=0) + _EDGE,
        height=max((box.y + box.height for box in shown), default=0) + _EDGE,
        left_out=len(trace.events) - len(shown),
    )


def _boxes(trace: Trace, hops: Mapping[int, Sequence[Hop]]) -> Iterator[Box]:
    """Boxes in reading order: an effect stands right of its cause, the next one below all that
    the one before set off. Without recursion: traces may be deep."""
    stack = [(root, 0) for root in reversed(trace.roots)]
    free = [_EDGE] * (max((event.depth for event in trace.events), default=0) + 2)
    for _ in range(MOST_EVENTS):
        if not stack:
            return
        node, least = stack.pop()
        y = max(least, free[node.depth])
        x, over = _EDGE + node.depth * (BOX + GAP), hops.get(node.row.position, ())
        box = Box(node, x, y, _silent(node), over)
        free[node.depth] = y + box.height + _BETWEEN
        stack += [(effect, y) for effect in reversed(node.effects)]
        yield box


def _silent(node: EventNode) -> list[DeliveryNode]:
    return [delivery for delivery in node.deliveries if not delivery.emitted]


def _pills(boxes: dict[int, Box]) -> Iterator[Pill]:
    for box in boxes.values():
        for delivery in box.node.deliveries:
            first = next((boxes[id(e)] for e in delivery.emitted if id(e) in boxes), None)
            if first is not None:
                x = first.x - GAP // 2 - _PILL // 2
                yield Pill(delivery, x, first.middle - _PILL_HEIGHT // 2)


def _links(boxes: dict[int, Box]) -> Iterator[Link]:
    for box in boxes.values():
        node = box.node
        if node.cause is not None and id(node.cause) in boxes:
            thick = node.on_longest_path and node.cause.on_longest_path
            yield Link(_curve(boxes[id(node.cause)], box), "path" if thick else "")
        for other in node.other_causes:
            if id(other) in boxes:
                yield Link(_curve(boxes[id(other)], box, bend=GAP - 14), "join")


def _curve(start: Box, end: Box, bend: int = 30) -> str:
    x1, y1, x2, y2 = start.right, start.middle, end.x, end.middle
    turn = min(x1 + bend, x2 - 6)
    return f"M{x1} {y1}C{turn} {y1} {x1 + 4} {y2} {min(turn + 8, x2)} {y2}L{x2} {y2}"
