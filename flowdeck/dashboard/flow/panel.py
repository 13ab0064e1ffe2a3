"""One node of the flow map in detail, for the panel beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flowdeck.dashboard.flow.facts import PROCESSOR, Edge, Facts, Node
from flowdeck.dashboard.flow.histogram import Histogram, histogram
from flowdeck.dashboard.flow.retries import RetryStep, steps_of
from flowdeck.dashboard.shared.failures import newest_of_each
from flowdeck.declare.retry import Retry
from flowdeck.declare.states import KEPT, DeliveryState
from flowdeck.models import Attempt, Due

_SHOWN = 4
_RETRYING = 2_000  # oldest retrying deliveries looked at


@dataclass(frozen=True, slots=True)
class Panel:
    """A node, what comes in and goes out; of a processor its run times, its retries, and the newest
    failure of each kind with how many there were among the newest."""

    node: Node
    incoming: list[tuple[Node, Edge]]
    outgoing: list[tuple[Node, Edge]]
    failures: list[tuple[Attempt, int]]
    runs: Histogram | None = None
    steps: list[RetryStep] | None = None


def panel_of(key: str, facts: Facts) -> Panel | None:
    """The panel of a node by its key, or None if the map has no such node; two queries at most."""
    node = facts.nodes.get(key)
    if node is None:
        return None
    edges = facts.edges.values()
    incoming = [(facts.nodes[edge.source], edge) for edge in edges if edge.target == key]
    outgoing = [(facts.nodes[edge.target], edge) for edge in edges if edge.source == key]
    if node.kind != PROCESSOR:
        return Panel(node, incoming, outgoing, [])
    retry = node.row.declared.retry if node.row and node.row.declared else None
    return Panel(
        node=node,
        incoming=incoming,
        outgoing=outgoing,
        failures=newest_of_each(node.name, _SHOWN),
        runs=histogram(node.times.runs),
        steps=_steps(node.name, retry) if retry else None,
    )


def _steps(processor: str, retry: Retry) -> list[RetryStep]:
    """With how many wait at each: of the oldest that are retrying, by the index of what is open."""
    retrying = Due.objects.filter(state__among=KEPT, state=DeliveryState.RETRYING)
    oldest = retrying.order_by("event_id").values_list("processor", "attempts")[:_RETRYING]
    return steps_of(retry, Counter(n for name, n in oldest if name == processor))
