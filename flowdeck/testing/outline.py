"""A trace as text: which event caused which, and what did not go well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import unified_diff
from textwrap import dedent
from uuid import UUID

from flowdeck.declare.states import DeliveryState
from flowdeck.observe.loading import load_trace
from flowdeck.observe.traces import EventNode

_BAD = (DeliveryState.DEAD, DeliveryState.RETRYING, DeliveryState.DISCARDED)


def outline(correlation_id: UUID) -> str:
    """The tree of causes, an event a line, those below it indented by two::

        ParcelAnnounced
          ParcelSent by carrier
            ParcelArrived by tracking
          ! notices: dead

    Raises LookupError if there is no such trace.
    """
    trace = load_trace(correlation_id)
    if trace is None:
        raise LookupError(f"There is no trace {correlation_id}.")
    return "\n".join(_lines(trace.roots, 0))


def differences(expected: str, found: str) -> str:
    """Nothing if the two outlines are the same; else a diff, ``-`` for what was expected."""
    wanted = dedent(expected).strip("\n").rstrip().splitlines()
    lines = unified_diff(
        [line.rstrip() for line in wanted], found.splitlines(), "expected", "found", lineterm=""
    )
    return "\n".join(lines)


def _lines(nodes: Iterable[EventNode], depth: int) -> Iterator[str]:
    for node in nodes:
        by = f" by {node.emitted_by.processor}" if node.emitted_by else ""
        yield f"{'  ' * depth}{node.row.type}{by}"
        yield from _lines(node.effects, depth + 1)
        for delivery in node.deliveries:
            if delivery.row.state in _BAD:
                yield f"{'  ' * (depth + 1)}! {delivery.processor}: {delivery.row.state}"
