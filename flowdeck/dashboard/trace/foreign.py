"""Spans of other programs that belong to the same distributed trace, as a tree."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from flowdeck import spans
from flowdeck.connect import foreign_spans
from flowdeck.models import ForeignSpan
from flowdeck.observe.traces import EventNode


@dataclass
class ForeignNode:
    """A span, and those that it began."""

    row: ForeignSpan
    children: list[ForeignNode] = field(default_factory=list)

    @property
    def told(self) -> str:
        """Its attributes in one line, masked as they are kept."""
        return ", ".join(
            f"{name}: {value}" for name, value in json.loads(self.row.attributes).items()
        )


def foreign_of(events: Iterable[EventNode]) -> list[ForeignNode]:
    """The spans of the distributed traces that these events carry: those whose parent is not among
    them, by their beginning. One query; none if they are not taken."""
    if not foreign_spans.is_on():
        return []
    rows = foreign_spans.of(trace_ids_of(events))
    return _tree(rows)


def trace_ids_of(events: Iterable[EventNode]) -> set[str]:
    """The distributed traces that events carry."""
    return {found for one in events if (found := spans.trace_id(one.row.metadata))}


def _tree(rows: list[ForeignSpan]) -> list[ForeignNode]:
    nodes = {(row.trace_id, row.span_id): ForeignNode(row) for row in rows}
    tops = list[ForeignNode]()
    for node in nodes.values():
        parent = nodes.get((node.row.trace_id, node.row.parent_id))
        if parent is None or _goes_round(node, nodes):
            tops.append(node)
        else:
            parent.children.append(node)
    return tops


def _goes_round(node: ForeignNode, nodes: dict[tuple[str, str], ForeignNode]) -> bool:
    """Whether it is its own ancestor: whoever sent it may say anything."""
    seen, at = {id(node)}, nodes.get((node.row.trace_id, node.row.parent_id))
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        at = nodes.get((at.row.trace_id, at.row.parent_id))
    return at is node
