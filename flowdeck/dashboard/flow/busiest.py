"""Which nodes of a large map are drawn: those where most happens. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from flowdeck.dashboard.flow.facts import Edge

MOST = 90
"""Nodes drawn at once; a map of more is slow to read, and as a live frame slow to send."""


def busiest(shown: set[str], edges: Iterable[Edge], asked: set[str]) -> set[str]:
    """Of the keys ``shown`` the ``MOST`` busiest, those ``asked`` for first, then by name."""
    if len(shown) <= MOST:
        return shown
    weight: dict[str, float] = defaultdict(float)
    for edge in edges:
        for end in edge.link:
            # What fails or is held back matters more than any rate.
            weight[end] += 1e9 if edge.held else edge.per_second + 0.001 * edge.seen
    order = sorted(shown, key=lambda key: (key not in asked, -weight[key], key))
    return set(order[:MOST])
