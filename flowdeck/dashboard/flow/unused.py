"""What of the map was never used. Pure."""

from __future__ import annotations

from flowdeck.dashboard.flow.facts import PROCESSOR, TYPE, Facts, Node


def unused_in(facts: Facts) -> set[str]:
    """Processors that never got or wrote anything, with the types that only they know.

    Nothing while the log is empty: then the map shows what is declared.
    """
    known = facts.nodes.values()
    seen = {n.key for n in known if n.kind == TYPE and n.status and n.status.last_position}
    if not seen:
        return set()
    used = {end for link in facts.edges if seen.intersection(link) for end in link} | seen
    heard = {edge.target for edge in facts.edges.values() if edge.seen}
    used -= {n.key for n in known if _picks(n) and n.key not in heard}
    idle = {n.key for n in known if n.kind == PROCESSOR and n.key not in used and not n.asks}
    kept = {end for link in facts.edges if not idle.intersection(link) for end in link}
    written = {b for a, b in facts.edges if b not in seen and a in idle}
    by_others = {b for a, b in facts.edges if a not in idle}
    linked = {end for link in facts.edges for end in link}
    return (
        idle
        | {n.key for n in known if n.kind == TYPE and n.key not in linked | seen}
        | (written - by_others)
        | {end for link in facts.edges if idle.intersection(link) for end in link} - kept
    )


def _picks(node: Node) -> bool:
    """Whether a processor hears only some streams, so that a type seen need not be one for it."""
    return bool(node.row and node.row.declared and node.row.declared.streams)
