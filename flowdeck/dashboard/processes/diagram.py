"""The state diagram of a process: steps as boxes, events as the ways between them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flowdeck.dashboard.flow.layout import layered
from flowdeck.dashboard.flow.place import Box
from flowdeck.observe.processes import Standing, Way
from flowdeck.process_managers.flow import Flow

BEGIN = ""
"""The step before the first: a dot."""
_BOX, _DOT, _GAP = (132.0, 46.0), (14.0, 14.0), 156.0


@dataclass(frozen=True, slots=True)
class Node:
    """A step at its place. ``kind``: ``begin``, ``end`` or nothing; ``here``: one stands in it."""

    name: str
    box: Box
    kind: str
    standing: Standing
    here: bool = False
    passed: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A way as an SVG path, the events that lead along it, and how often lately.

    ``place`` is where that stands, if there is room; ``taken``: the instance that is shown went it.
    """

    path: str
    place: tuple[float, float] | None
    types: tuple[str, ...]
    count: int
    taken: bool = False

    @property
    def words(self) -> str:
        """The events, shortly."""
        more = f" +{len(self.types) - 1}" if len(self.types) > 1 else ""
        return f"{self.types[0]}{more}" if self.types else ""


@dataclass(frozen=True, slots=True)
class Diagram:
    """The drawing."""

    nodes: list[Node]
    edges: list[Edge]
    width: float
    height: float


def draw(
    flow: Flow,
    standing: Mapping[str, Standing],
    ways: Iterable[Way],
    *,
    here: str = "",
    passed: Iterable[tuple[str, str]] = (),
) -> Diagram:
    """The flow as declared and as it was gone lately; for one instance with where it is and was."""
    types: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for source, target, type_ in _declared(flow):
        types[source, target][type_] = None
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for way in ways:
        if way.source != way.target:
            types[way.source, way.target][way.type] = None
            counts[way.source, way.target] += way.count
    gone = set(passed)
    for link in gone:
        types.setdefault(link, {})
    names = {BEGIN, *flow.steps, *(name for link in types for name in link)}
    layout = layered({name: _BOX if name != BEGIN else _DOT for name in names}, types, types, _GAP)
    walked = {name for link in gone for name in link}
    return Diagram(
        nodes=[
            Node(
                name=name,
                box=box,
                kind="begin" if name == BEGIN else "end" if name in flow.ends else "",
                standing=standing.get(name, Standing()),
                here=name == here and here != "",
                passed=name in walked,
            )
            for name, box in sorted(layout.boxes.items())
        ],
        edges=[
            Edge(path, layout.labels.get(link), tuple(types[link]), counts[link], link in gone)
            for link, path in sorted(layout.paths.items())
        ],
        width=layout.width,
        height=layout.height,
    )


def _declared(flow: Flow) -> Iterable[tuple[str, str, str]]:
    for type_, chosen in flow.beginnings.items():
        for target in chosen.mark.to or (flow.steps[0],):
            yield BEGIN, str(target), type_
    for (source, type_), chosen in flow.expected.items():
        for target in chosen.mark.to:
            if target != source:
                yield source, str(target), type_
