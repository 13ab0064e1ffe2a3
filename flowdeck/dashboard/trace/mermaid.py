"""A trace as text for Mermaid (https://mermaid.js.org), to paste into a document. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flowdeck.dashboard.trace.sequence import participants_of, steps_of
from flowdeck.observe.traces import EventNode, Trace
from flowdeck.words import duration

_UNSAFE = re.compile(r"[^\w .,:/()+-]")
_LONGEST = 80
_OUTCOMES = {
    "dead": "dead",
    "retrying": "retrying",
    "waits": "waiting for a time",
    "running": "under way",
    "no": "refused",
    "done": "done",
}


def sequence_diagram(trace: Trace) -> str:
    """A ``sequenceDiagram`` with each event as a message and each failed attempt as a note.

    Of a trace that is cut it ends with a note that says so, and how the whole ended.
    """
    return "\n".join(_lines(trace)) + "\n"


def _lines(trace: Trace) -> Iterator[str]:
    names = {name: f"p{number}" for number, name in enumerate(participants_of(trace))}
    last = f"p{len(names) - 1}"
    yield "sequenceDiagram"
    yield "  autonumber"
    for name, alias in names.items():
        yield f"  participant {alias} as {_safe(name)}"
    for step in steps_of(trace):
        if isinstance(step, EventNode):
            yield from _messages(step, names)
            continue
        delivery, attempt, waits = step
        failure = attempt.failure.error if attempt.failure else "failed"
        then = f", then waits {duration(waits)}" if waits is not None else ""
        words = _safe(f"attempt {attempt.number}: {failure}{then}")
        yield f"  Note over {names[delivery.processor]}: {words}"
    if trace.cut:
        drawn = f"the first {len(trace.events):,} of {trace.event_count:,} events are drawn"
        yield f"  Note over p0,{last}: {drawn}, the whole trace is {_OUTCOMES[trace.outcome]}"


def _messages(node: EventNode, names: dict[str, str]) -> Iterator[str]:
    source = names[node.row.producer]
    for n, delivery in enumerate(sorted(node.deliveries, key=lambda d: not d.emitted)):
        arrow = "->>" if n == 0 else "-->>"
        yield f"  {source}{arrow}{names[delivery.processor]}: {_safe(node.row.type)}"
    if not node.deliveries:
        yield f"  Note right of {source}: {_safe(node.row.type)}, nobody listens"


def _safe(text: str) -> str:
    """Text of events is untrusted: nothing in it may end the line or mean something."""
    return _UNSAFE.sub("_", text)[:_LONGEST]
