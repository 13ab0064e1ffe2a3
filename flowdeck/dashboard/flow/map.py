"""The flow map as drawn: which facts are shown, and where each of them stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import log2, sqrt

from flowdeck.dashboard.flow.boxes import label_of, size_of
from flowdeck.dashboard.flow.busiest import busiest
from flowdeck.dashboard.flow.choice import Choice
from flowdeck.dashboard.flow.facts import PROCESSOR, TYPE, Edge, Facts, Node
from flowdeck.dashboard.flow.layout import layered
from flowdeck.dashboard.flow.place import GAP_X, Box, Layout, Link
from flowdeck.dashboard.flow.topology import MEDIATOR, members
from flowdeck.dashboard.flow.unused import unused_in
from flowdeck.dashboard.shared.hues import producer_hue

_REACH = 2  # steps of a neighbourhood: a type, who hears it, what those write
_SPEED = 80.0  # px per second
_ROOM = 1_240
FITS = 1_400
"""A map up to this wide (px) is shrunk to the page's ``_ROOM``: its words stay 11 px high."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node where it stands. ``label`` is its name, cut if it is long, on one line or two."""

    node: Node
    box: Box
    label: tuple[str, str]
    url: str
    selected: bool

    @property
    def pool(self) -> str:
        """What waits before a processor, as a wedge that points at it; empty if nothing does."""
        waiting = self.node.pool
        if not waiting:
            return ""
        half = min(self.box.height, 14 + 2 * sqrt(waiting)) / 2
        middle, long = self.box.height / 2, GAP_X
        bend = f"{-0.45 * long:.1f} {middle:.1f} {-0.4 * long:.1f}"
        return (
            f"M{-long:.1f} {middle:.1f}C{bend} {middle - half:.1f} 0 {middle - half:.1f}"
            f"V{middle + half:.1f}C{-0.4 * long:.1f} {middle + half:.1f}"
            f" {-0.45 * long:.1f} {middle:.1f} {-long:.1f} {middle:.1f}z"
        )


@dataclass(frozen=True, slots=True)
class Line:
    """An edge as drawn: its way, its width, and the dots of a hue (a class) that run along it.

    A rate is said once, where it is made: ``label`` is where, None on the ways to processors."""

    edge: Edge
    path: str
    label: tuple[float, float] | None
    width: float
    hue: str
    back: bool
    seconds: float
    dots: tuple[float, ...]

    @property
    def classes(self) -> str:
        """What its look follows from."""
        words = [
            "fe",
            self.edge.mark,
            "held" if self.edge.held else "",
            "back" if self.back else "",
        ]
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class FlowMap:
    """All that the page shows. ``hidden`` counts the read models that are not drawn, ``unused``
    what was never used, drawn or not, ``left_out`` what was asked for and has no room."""

    facts: Facts
    choice: Choice
    places: list[Place]
    lines: list[Line]
    layout: Layout
    hidden: int
    unused: int
    left_out: int

    @classmethod
    def of(cls, facts: Facts, choice: Choice) -> FlowMap:
        """Draw what is asked for. No queries."""
        wanted = _shown(facts, choice)
        shown = busiest(wanted, facts.edges.values(), {choice.focus, choice.node})
        nodes = {key: node for key, node in facts.nodes.items() if key in shown}
        edges = {k: e for k, e in facts.edges.items() if k[0] in shown and k[1] in shown}
        layout = _drawn(tuple((key, size_of(node)) for key, node in nodes.items()), tuple(edges))
        places = [
            Place(
                node,
                layout.boxes[key],
                label_of(node),
                choice.query(node=key),
                key == choice.node,
            )
            for key, node in nodes.items()
            if key in layout.boxes
        ]
        places.sort(key=lambda place: (place.box.layer, place.box.y))
        rank = {place.node.key: number for number, place in enumerate(places)}
        ordered = sorted(edges.values(), key=lambda e: (rank[e.source], rank[e.target]))
        lines = [_line(edge, layout, facts.nodes) for edge in ordered]
        drawn = {node.key for node in nodes.values() if node.is_projection}
        models = {key for key, node in facts.nodes.items() if node.is_projection}
        unused = len(unused_in(facts))
        return cls(
            facts=facts,
            choice=choice,
            places=places,
            lines=lines,
            layout=layout,
            hidden=len(models - drawn),
            unused=unused,
            left_out=len(wanted) - len(shown),
        )

    @property
    def fit(self) -> str:
        """How it meets a narrower page: shrunk a little as long as words can be read, or panned."""
        return "shrinks" if _ROOM < self.layout.width <= FITS else ""

    @property
    def marked(self) -> list[Edge]:
        """Edges drawn that are declared and not seen, or seen and not declared."""
        return [line.edge for line in self.lines if line.edge.mark]

    @property
    def processors(self) -> list[tuple[Node, list[Node], str]]:
        """The processors drawn, by name, with the types that each hears and its address."""
        found = [(p.node, self._heard(p.node), p.url) for p in self.places if p.node.row]
        return sorted(found, key=lambda row: row[0].name)

    def _heard(self, node: Node) -> list[Node]:
        declared = node.row.declared if node.row else None
        names = declared.subscriptions if declared else ()
        return [self.facts.nodes[f"{TYPE}:{name}"] for name in names]

    @property
    def others(self) -> int:
        """How many processors are not drawn."""
        return len(self.facts.overview.rows) - len(self.processors)

    @property
    def cut(self) -> bool:
        """Whether the window is longer than what is known."""
        return self.facts.reach < self.facts.window - 1

    @property
    def connections(self) -> list[tuple[Node, Node, Edge]]:
        """The edges drawn, as rows of a table."""
        nodes = self.facts.nodes
        return [(nodes[x.edge.source], nodes[x.edge.target], x.edge) for x in self.lines]

    @property
    def steps(self) -> list[tuple[Place, list[Node], list[Node]]]:
        """The processors drawn in the order of the flow, with what each hears and says."""
        hears: dict[str, list[Node]] = defaultdict(list)
        says: dict[str, list[Node]] = defaultdict(list)
        for source, target, _ in self.connections:
            hears[target.key].append(source)
            says[source.key].append(target)
        drawn = [place for place in self.places if place.node.kind == PROCESSOR]
        return [(place, hears[place.node.key], says[place.node.key]) for place in drawn]

    @property
    def choices(self) -> list[Node]:
        """What one may focus on."""
        found = [n for n in self.facts.nodes.values() if n.kind in (TYPE, PROCESSOR)]
        return sorted(found, key=lambda node: (node.kind != TYPE, node.name))


def _shown(facts: Facts, choice: Choice) -> set[str]:
    asked = {choice.focus, choice.node}
    shown = {
        key
        for key, node in facts.nodes.items()
        if choice.models or not node.is_projection or key in asked
    }
    if choice.topology and not choice.focus:
        shown &= members(choice.topology, facts.nodes, facts.edges) | asked
    if not (choice.unused or choice.focus or choice.topology == MEDIATOR):
        shown -= unused_in(facts) - asked
    if choice.focus in facts.nodes:
        shown &= _around(choice.focus, facts.edges)
    return shown


def _around(focus: str, edges: Iterable[Link]) -> set[str]:
    """What is reached from ``focus`` in a few steps down, and in a few steps up."""
    listed, found = list(edges), {focus}
    for start, end in ((0, 1), (1, 0)):
        reached = {focus}
        for _ in range(_REACH):
            reached |= {link[end] for link in listed if link[start] in reached}
        found |= reached
    return found


@lru_cache(maxsize=64)
def _drawn(sizes: tuple[tuple[str, tuple[float, float]], ...], links: tuple[Link, ...]) -> Layout:
    """The drawing changes only when somebody new appears; rates change all the time."""
    return layered(dict(sizes), links, {link for link in links if link[1].startswith(TYPE)})


def _line(edge: Edge, layout: Layout, nodes: Mapping[str, Node]) -> Line:
    source, target = (layout.boxes[key] for key in edge.link)
    back = edge.link in layout.back
    length = abs(target.x - source.right) + abs(target.middle - source.middle)
    if back:
        length += 2 * (layout.height - max(source.middle, target.middle)) + source.width
    seconds = round(max(1.2, length / _SPEED), 1)
    count = (
        0
        if not edge.per_second or edge.held
        else 1 + (edge.per_second >= 1) + (edge.per_second >= 10)
    )
    of_type = nodes[edge.source] if edge.source.startswith(TYPE) else nodes[edge.target]
    return Line(
        edge=edge,
        path=layout.paths[edge.link],
        label=layout.labels.get(edge.link),
        width=round(1.2 + min(4.8, 1.2 * log2(1 + edge.per_second)), 1),
        hue=producer_hue(of_type.hue),
        back=back,
        seconds=seconds,
        dots=tuple(round(seconds * (n + 0.17) / count, 2) for n in range(count)),
    )
