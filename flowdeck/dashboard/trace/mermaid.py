"""A trace as text for Mermaid (https://mermaid.js.org), to paste into a document. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from flowdeck.dashboard.trace.hops import Hop
from flowdeck.dashboard.trace.sequence import Hops, participants_of, steps_of
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


def sequence_diagram(trace: Trace, hops: Hops) -> str:
    """A ``sequenceDiagram`` with each event as a message and each failed attempt as a note.

    Outlets are participants, to which events go; what came in is a note of where from.

    Of a trace that is cut it ends with a note that says so, and how the whole ended.
    """
    return "\n".join(_lines(trace, hops)) + "\n"


def _lines(trace: Trace, hops: Hops) -> Iterator[str]:
    names = {name: f"p{number}" for number, name in enumerate(participants_of(trace, hops))}
    last = f"p{len(names) - 1}"
    yield "sequenceDiagram"
    yield "  autonumber"
    for name, alias in names.items():
        yield f"  participant {alias} as {_safe(name)}"
    for step in steps_of(trace):
        if isinstance(step, EventNode):
            yield from _messages(step, names, hops.get(step.row.position, ()))
            continue
        delivery, attempt, waits = step
        failure = attempt.failure.error if attempt.failure else "failed"
        then = f", then waits {duration(waits)}" if waits is not None else ""
        words = _safe(f"attempt {attempt.number}: {failure}{then}")
        yield f"  Note over {names[delivery.processor]}: {words}"
    if trace.cut:
        drawn = f"the first {len(trace.events):,} of {trace.event_count:,} events are drawn"
        yield f"  Note over p0,{last}: {drawn}, the whole trace is {_OUTCOMES[trace.outcome]}"


def _messages(node: EventNode, names: dict[str, str], hops: Sequence[Hop]) -> Iterator[str]:
    source = names[node.row.producer]
    going = [hop for hop in hops if not hop.inward]
    for hop in hops:
        if hop.inward:
            said = _safe(f"from {hop.place} by inlet {hop.connector}")
            yield f"  Note left of {source}: {said}"
    for n, delivery in enumerate(sorted(node.deliveries, key=lambda d: not d.emitted)):
        arrow = "->>" if n == 0 else "-->>"
        yield f"  {source}{arrow}{names[delivery.processor]}: {_safe(node.row.type)}"
    for hop in going:
        said = _safe(f"{node.row.type} to {hop.place}, {hop.state}")
        yield f"  {source}-->>{names[hop.connector]}: {said}"
    if not node.deliveries and not going:
        yield f"  Note right of {source}: {_safe(node.row.type)}, nobody listens"


def _safe(text: str) -> str:
    """Text of events is untrusted: nothing in it may end the line or mean something."""
    return _UNSAFE.sub("_", text)[:_LONGEST]
