"""The wires of a topology: who writes to whom, from the registry, and a drawing of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flowdeck.extend import Processor, Trace, registry

SHOP = "shop"
WIDTH, HEIGHT = 100, 30
Wire = tuple[str, str]
Places = Mapping[str, tuple[int, int]]
_WORST = ("dead", "retrying", "sleeping", "running", "pending")


@dataclass(frozen=True, slots=True)
class Node:
    """Somebody who writes or listens, at its place, with the state of its deliveries."""

    name: str
    x: int
    y: int
    state: str


@dataclass(frozen=True, slots=True)
class Line:
    """A wire as an SVG path; ``taken`` once an event of this order went over it."""

    path: str
    taken: bool


@dataclass(frozen=True, slots=True)
class Diagram:
    """A topology drawn, with where one order stands in it."""

    nodes: list[Node]
    lines: list[Line]

    @property
    def label(self) -> str:
        """The same in words."""
        return ", ".join(f"{node.name} {node.state}" for node in self.nodes)


def wires(first: str, streams: str) -> frozenset[Wire]:
    """The pairs of who writes and who listens, from the ``first`` event type of an order on.

    Read from what processors declare; those of other ``streams``, and read models, are left out.
    """
    found: set[Wire] = set()
    asked: set[Wire] = set()
    todo = [(SHOP, first)]
    while todo:
        writer, type_name = todo.pop()
        asked.add((writer, type_name))
        for listener in _listeners(type_name, streams):
            found.add((writer, listener.name))
            emitted = [(listener.name, one) for one in listener.emits or ()]
            todo += [one for one in emitted if one not in asked]
    return frozenset(found)


def busiest(of: frozenset[Wire]) -> tuple[str, int]:
    """Who is at the end of the most wires, and of how many."""
    ends = Counter(name for wire in of for name in set(wire))
    return max(ends.items(), key=lambda item: (item[1], item[0]))


def diagram(of: frozenset[Wire], places: Places, trace: Trace | None) -> Diagram:
    """Draw the wires between those who have a place. There and back is one line."""
    taken = set(_walked(trace)) if trace else set()
    pairs = {frozenset(wire) for wire in of if set(wire) <= places.keys() and len(set(wire)) == 2}
    lines = [
        Line(_path(*sorted((places[a], places[b]))), bool({(a, b), (b, a)} & taken))
        for a, b in sorted(tuple(sorted(pair)) for pair in pairs)
    ]
    nodes = [Node(name, x, y, _state(name, trace)) for name, (x, y) in places.items()]
    return Diagram(nodes, lines)


def _listeners(type_name: str, streams: str) -> list[Processor]:
    return [
        processor
        for processor in registry.subscribers(type_name)
        if not processor.replayable and processor.hears(type_name, streams)
    ]


def _walked(trace: Trace) -> Iterator[Wire]:
    for delivery in trace.deliveries:
        yield delivery.event.row.producer, delivery.processor


def _state(name: str, trace: Trace | None) -> str:
    if name == SHOP:
        return "done" if trace else "ghost"
    states = {str(d.state) for d in (trace.deliveries if trace else []) if d.processor == name}
    return next((state for state in _WORST if state in states), "done" if states else "ghost")


def _path(left: tuple[int, int], right: tuple[int, int]) -> str:
    x1, y1 = left[0] + WIDTH, left[1] + HEIGHT // 2
    x2, y2 = right[0], right[1] + HEIGHT // 2
    middle = (x1 + x2) // 2
    return f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"
