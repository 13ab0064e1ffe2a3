"""One node of the flow map in detail, for the panel beside it."""

from __future__ import annotations

from dataclasses import dataclass

from events.dashboard.flow_facts import PROCESSOR, Edge, Facts, Node
from events.models import Attempt

_FAILURES = 500  # newest failed attempts looked at
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Panel:
    """A node, what comes in and goes out, and the newest failures of a processor."""

    node: Node
    incoming: list[tuple[Node, Edge]]
    outgoing: list[tuple[Node, Edge]]
    failures: list[Attempt]


def panel_of(key: str, facts: Facts) -> Panel | None:
    """The panel of a node by its key, or None if the map has no such node; one query at most."""
    node = facts.nodes.get(key)
    if node is None:
        return None
    edges = facts.edges.values()
    return Panel(
        node,
        [(facts.nodes[edge.source], edge) for edge in edges if edge.target == key],
        [(facts.nodes[edge.target], edge) for edge in edges if edge.source == key],
        _failures(node.name) if node.kind == PROCESSOR else [],
    )


def _failures(processor: str) -> list[Attempt]:
    """The newest of each kind."""
    newest = Attempt.objects.order_by("-id").values("id")[:_FAILURES]
    found: dict[str, Attempt] = {}
    rows = (
        Attempt.objects.filter(id__in=newest, delivery__processor=processor)
        .defer("traceback")
        .select_related("delivery__event")
        .order_by("-id")[: _FAILURES // 5]
    )
    for attempt in rows:
        found.setdefault(attempt.fingerprint, attempt)
    return list(found.values())[:_SHOWN]
