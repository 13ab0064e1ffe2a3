"""The flow map as drawn: a choice of the facts, and where each of it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import log2
from typing import Any
from urllib.parse import urlencode

from events.dashboard.flow_facts import PROCESSOR, TYPE, Edge, Facts, Node
from events.dashboard.flow_layout import layered
from events.dashboard.flow_place import Box, Layout, Link

_LONGEST_NAME = 26
_REACH = 2  # steps of a neighbourhood: a type, who hears it, what those write
_CHARACTER, _SPEED = 6.8, 80.0  # px, px per second
_READABLE = 1_180
FITS = 1_560
"""A map up to this wide (px) is shrunk to the page, not below ``_READABLE``."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the map is asked for: around ``focus``, with read models, with processors that never
    got anything (``unused``), ``node`` selected."""

    focus: str = ""
    models: bool = False
    node: str = ""
    unused: bool = False

    @classmethod
    def of(cls, query: Mapping[str, Any]) -> Choice:
        """From untrusted parameters."""
        text = {name: str(query.get(name, ""))[:120] for name in ("focus", "node")}
        models, unused = (query.get(name) == "1" for name in ("models", "unused"))
        return cls(text["focus"], models, text["node"], unused)

    def query(self, **changes: Any) -> str:
        """The parameters of an address, with some changed: ``?focus=type%3AProbed``."""
        values = {
            "focus": self.focus, "models": "1" if self.models else "",
            "unused": "1" if self.unused else "", "node": self.node,
        }  # fmt: skip
        values |= changes
        return "?" + urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True, slots=True)
class Place:
    """A node where it stands. ``label`` is its name, cut if it is long."""

    node: Node
    box: Box
    label: str
    url: str
    selected: bool


@dataclass(frozen=True, slots=True)
class Line:
    """An edge as drawn: its way, its width, and the dots that run along it."""

    edge: Edge
    path: str
    label: tuple[float, float]
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
    what was never used, drawn or not."""

    facts: Facts
    choice: Choice
    places: list[Place]
    lines: list[Line]
    layout: Layout
    hidden: int
    unused: int

    @classmethod
    def of(cls, facts: Facts, choice: Choice) -> FlowMap:
        """Draw what is asked for. No queries."""
        shown = _shown(facts, choice)
        nodes = {key: node for key, node in facts.nodes.items() if key in shown}
        edges = {k: e for k, e in facts.edges.items() if k[0] in shown and k[1] in shown}
        layout = _drawn(tuple((key, _size(node)) for key, node in nodes.items()), tuple(edges))
        places = [
            Place(
                node, layout.boxes[key], _short(node.name), choice.query(node=key),
                key == choice.node,
            )
            for key, node in nodes.items()
        ]  # fmt: skip
        places.sort(key=lambda place: (place.box.layer, place.box.y))
        rank = {place.node.key: number for number, place in enumerate(places)}
        ordered = sorted(edges.values(), key=lambda e: (rank[e.source], rank[e.target]))
        lines = [_line(edge, layout, facts.nodes) for edge in ordered]
        drawn = {node.key for node in nodes.values() if node.is_projection}
        models = {key for key, node in facts.nodes.items() if node.is_projection}
        unused = len(_unused(facts))
        return cls(facts, choice, places, lines, layout, len(models - drawn), unused)

    @property
    def fit(self) -> str:
        """How it meets a narrower page: as it is (""), shrunk a little, or panned ("wide")."""
        if self.layout.width > FITS:
            return "wide"
        return "shrinks" if self.layout.width > _READABLE else ""

    @property
    def marked(self) -> list[Edge]:
        """Edges of all the facts that are declared and not seen, or seen and not declared."""
        return [edge for edge in self.facts.edges.values() if edge.mark]

    @property
    def connections(self) -> list[tuple[Node, Node, Edge]]:
        """The edges drawn, as rows of a table."""
        nodes = self.facts.nodes
        return [(nodes[x.edge.source], nodes[x.edge.target], x.edge) for x in self.lines]

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
    if not choice.unused:
        shown -= _unused(facts) - asked
    if choice.focus in facts.nodes:
        shown &= _around(choice.focus, facts.edges)
    return shown


def _unused(facts: Facts) -> set[str]:
    """Processors that never got or wrote anything, with the types that only they know.

    Nothing while the log is empty: then the map shows what is declared.
    """
    known = facts.nodes.values()
    seen = {n.key for n in known if n.kind == TYPE and n.status and n.status.last_position}
    if not seen:
        return set()
    used = {end for link in facts.edges if seen.intersection(link) for end in link} | seen
    idle = {n.key for n in known if n.kind == PROCESSOR and n.key not in used and not n.asks}
    kept = {end for link in facts.edges if not idle.intersection(link) for end in link}
    return idle | {
        end for link in facts.edges if idle.intersection(link) for end in link if end not in kept
    }


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
    return layered(dict(sizes), links)


def _size(node: Node) -> tuple[float, float]:
    width = len(_short(node.name)) * _CHARACTER
    if node.kind == TYPE:
        return round(width + 26), 36.0
    return max(150.0 if node.kind == PROCESSOR else 88.0, round(width + 44)), 50.0


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _line(edge: Edge, layout: Layout, nodes: Mapping[str, Node]) -> Line:
    source, target = (layout.boxes[key] for key in edge.link)
    back = edge.link in layout.back
    length = abs(target.x - source.right) + abs(target.middle - source.middle)
    if back:
        length += 2 * (layout.height - max(source.middle, target.middle)) + source.width
    seconds = round(max(1.2, length / _SPEED), 1)
    count = 0 if not edge.per_second or edge.held else 1 + (edge.per_second >= 1) + (
        edge.per_second >= 10
    )  # fmt: skip
    of_type = nodes[edge.source] if edge.source.startswith(TYPE) else nodes[edge.target]
    return Line(
        edge, layout.paths[edge.link], layout.labels[edge.link],
        round(1.2 + min(3.6, 0.9 * log2(1 + edge.per_second)), 1), of_type.hue, back, seconds,
        tuple(round(seconds * (n + 0.17) / count, 2) for n in range(count)),
    )  # fmt: skip
