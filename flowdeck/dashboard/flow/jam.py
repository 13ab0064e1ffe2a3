"""Where it jams, in a sentence: the facts of the flow map as text. Pure."""

from __future__ import annotations

from flowdeck.dashboard.flow.facts import Facts, Node
from flowdeck.words import counted, listed

_NAMED = 3
"""Processors that the sentence names; of more it says how many."""


def sentence_of(facts: Facts) -> tuple[str, str]:
    """What is the matter, and its evidence."""
    jammed = sorted(
        (node for node in facts.nodes.values() if node.pool or node.heat),
        key=lambda node: (-node.pool, node.name),
    )
    waiting = sum(node.row.waiting for node in facts.nodes.values() if node.row)
    if not jammed:
        words = f"{counted(waiting, 'delivery', 'deliveries')} under way." if waiting else ""
        return "Nothing jams.", words or "Nothing waits."
    names = [node.name for node in jammed[:_NAMED]]
    more = len(jammed) - len(names)
    where = listed([*names, f"{more} more"] if more else names)
    return f"It jams at {where}.", " ".join(_evidence(node) for node in jammed[:_NAMED])


def _evidence(node: Node) -> str:
    row, failed = node.row, node.times.failed
    assert row is not None, "only processors jam"
    at_least = "at least " if row.at_least else ""
    wait = f"{at_least}{row.waiting:,} wait before {node.name}"
    if node.heat == "paused":
        return f"{wait}, which {row.paused_by or 'somebody'} paused."
    if node.heat == "failing":
        rate = f"{failed:.0f} % of its attempts fail" if failed else "it tries again"
        return f"{wait}: {rate}."
    return f"{wait}."
