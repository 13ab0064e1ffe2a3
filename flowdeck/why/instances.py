"""Why an instance of a process has not moved on: what its step waits for, and who should say it."""

from __future__ import annotations

from collections.abc import Iterator

from flowdeck import words
from flowdeck.declare.registry import registry
from flowdeck.declare.states import OVER
from flowdeck.models import ProcessInstance, ProcessStep
from flowdeck.observe.loading import load_trace
from flowdeck.observe.traces import DeliveryNode
from flowdeck.process_managers.declared import flows, newest
from flowdeck.why import ground as grounds
from flowdeck.why import timers, waiting
from flowdeck.why.answer import UNDER_WAY, Chain, Fact, Found, Kind, Link, Way, severity
from flowdeck.why.ground import held_of


def explain(row: ProcessInstance) -> Found:
    """The chain that keeps it in its step; nothing if it is over as its flow says."""
    link = Link("process", f"{row.process}:{row.key}")
    if row.ended_at is not None:
        if not row.stopped_by:
            return Found(None, ruled_out=(f"It ended in step {row.step}.",))
        fact = Fact(
            Kind.ENDED, f"{row.stopped_by} has stopped it in {row.step}", link, row.ended_at
        )
        return Found(Chain((fact,), (Way("Begin another", "a stopped one does not go on"),)))
    trace = load_trace(row.correlation_id)
    if trace is None:
        return Found(None)
    expected = [type_ for step, type_ in newest(row.process).expected if step == row.step]
    awaited = Fact(
        Kind.WAITS_FOR,
        f"{row.process} is in step {row.step} and waits for {words.listed(expected)}",
        link,
        row.changed_at,
    )
    open_ = [node for node in trace.deliveries if node.state not in OVER]
    ground = grounds.read([row.process], [held_of(node) for node in open_])
    chains = [*_newer_code(row, link)]
    chains += [
        waiting.explain(held_of(node), node.state, ground).then(awaited)
        for node in open_
        if _concerns(node, row, expected)
    ]
    chains += [one.then(awaited) for one in _noted(row, link)]
    own = {timer["event_id"] for timer in row.timers.values()}
    mine = [timer for timer in trace.timers if str(timer.event_id) in own]
    chains += [timers.explain(timer, ground).then(awaited) for timer in mine[:1]]
    chains.sort(key=lambda one: (one.root.kind in UNDER_WAY, severity(one)))
    if not chains:
        return Found(Chain((awaited,), (Way("Publish what it waits for", "or stop it", link),)))
    return Found(chains[0], tuple(one.root for one in chains[1:4]))


def _newer_code(row: ProcessInstance, link: Link) -> Iterator[Chain]:
    known = flows[row.process]
    if row.version in known and row.state_version <= known[row.version].state.__version__:
        return
    said = f"It was written by other code (version {row.version}), which no code here declares"
    way = Way("Deploy that code", "its events sleep until a worker knows it; nothing is lost")
    yield Chain((Fact(Kind.UNKNOWN_VERSION, said, link, row.changed_at),), (way,))


def _concerns(node: DeliveryNode, row: ProcessInstance, expected: list[str]) -> bool:
    """Whether this delivery is its own, or of who says what it waits for."""
    if node.processor == row.process:
        return node.event.row.key == row.key
    declared = registry.processors.get(node.processor)
    return declared is None or declared.emits is None or bool({*declared.emits} & {*expected})


def _noted(row: ProcessInstance, link: Link) -> Iterator[Chain]:
    """The last event that came in a step where nothing expects it."""
    steps = ProcessStep.objects.filter(process=row.process, key=row.key).order_by("-id")
    last = next((one for one in steps[:20] if one.note and one.position is not None), None)
    if last is None:
        return
    said = (
        f"{last.type} came in step {last.to_step or 'none'}, where it is not expected: {last.note}"
    )
    yield Chain((Fact(Kind.IN_STEP, said, Link("event", str(last.position)), last.at),))
