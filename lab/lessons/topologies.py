"""Lesson 3: the same order through the broker and through the mediator."""

from __future__ import annotations

from typing import Any

from uuid_utils.compat import uuid7

from events import orders
from events.domain_events import BROKER_STREAMS, MEDIATOR_STREAMS
from flowdeck.extend import Trace, duration, registry
from lab.lesson import Cell, Choice, Evidence, Lesson, Question
from lab.measured import decided, first, picture, place, settled, stands, trace_of
from lab.models import LabRun
from lab.runs import break_for
from lab.wiring import Places, Wire, busiest, diagram, wires

_STOPPED = 6.0  # seconds
_BEGINS = (("OrderCreated", BROKER_STREAMS), ("OrderSubmitted", MEDIATOR_STREAMS))
_PLACES: tuple[Places, Places] = (
    {
        "shop": (2, 66),
        "payment": (120, 8),
        "inventory": (120, 124),
        "confirmation": (238, 66),
        "notification": (356, 66),
    },
    {
        "shop": (2, 66),
        "mediator": (164, 66),
        "payment": (326, 8),
        "inventory": (326, 66),
        "notification": (326, 124),
    },
)
_BREAKS = {
    "well": ((), ()),
    "payment": (("payment",), ("payment",)),
    "notification": (("notification",), ("notification",)),
    "decider": (("confirmation",), ("mediator",)),
}


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    facts = {}
    traces = {topology: uuid7() for topology in orders.TOPOLOGIES}
    for topology, stopped in zip(orders.TOPOLOGIES, _BREAKS[run.choice], strict=True):
        break_for(user, traces[topology], *((name, "stop", None, _STOPPED) for name in stopped))
    for topology in orders.TOPOLOGIES:
        facts[topology] = place(user, traces[topology], topology=topology, scenario="all_well")
    return facts


def _evidence(run: LabRun) -> Evidence:
    broker, mediator = (trace_of(run, topology) for topology in orders.TOPOLOGIES)
    both = (broker, mediator)
    found = Evidence(("Measured", "Broker", "Mediator", "Why"), settled=all(map(settled, both)))
    found.add("The order", *map(decided, both), "the mediator waits for each answer")
    found.add("Events and requests", *map(_events, both), "requests are messages too")
    found.add("Hops to the outcome", *map(_hops, both), "each answer goes back to the mediator")
    wired = [wires(first_type, streams) for first_type, streams in _BEGINS]
    found.add(
        "Links, from the registry",
        *(f"{len(of)}, {_at(of)}" for of in wired),
        "who writes what somebody else listens to",
    )
    found.add(
        "Who takes the first step",
        *(
            _deciders(trace, first_type)
            for trace, (first_type, _) in zip(both, _BEGINS, strict=True)
        ),
        "from the log: everybody knows a part, or one knows all",
    )
    found.add(
        "The one who decides",
        stands(broker, "confirmation"),
        stands(mediator, "mediator"),
        "confirmation joins both answers; the mediator asks for each",
    )
    found.add(
        "Notification",
        *(stands(trace, "notification") for trace in both),
        "it hears of the outcome, and nothing waits for it",
    )
    stopped = _BREAKS[run.choice]
    if any(stopped):
        found.add(
            f"Stopped for {_STOPPED:.0f} s",
            *(_held_up(trace, names) for trace, names in zip(both, stopped, strict=True)),
            "what depends on it waits; nothing is lost",
        )
    titles = (("Broker", "nobody is in charge"), ("Mediator", "one holds the plan"))
    for (title, sub), of, places, trace in zip(titles, wired, _PLACES, both, strict=True):
        found.pictures.append(picture(title, sub, trace, diagram(of, places, trace)))
    if found.settled:
        found.conclusion = (
            f"Same outcome, by {_events(broker).text} messages without and "
            f"{_events(mediator).text} with a mediator."
        )
    return found


def _at(of: frozenset[Wire]) -> str:
    name, count = busiest(of)
    return f"{count} of them at {name}"


def _events(trace: Trace | None) -> Cell:
    return Cell(str(len(trace.events)) if trace else "–")


def _hops(trace: Trace | None) -> Cell:
    end = first(trace, "OrderConfirmed", "OrderCancelled")
    return Cell(str(end.depth) if end else "–")


def _deciders(trace: Trace | None, type_name: str) -> str:
    node = first(trace, type_name)
    heard = {one.processor for one in node.deliveries} if node else set()
    return ", ".join(sorted(name for name in heard if not registry.processor(name).replayable))


def _held_up(trace: Trace | None, names: tuple[str, ...]) -> Cell:
    """Who was stopped, and how long what it had to do took."""
    mine = [one for one in (trace.deliveries if trace else []) if one.processor in names]
    who = ", ".join(names)
    if not mine:
        return Cell(f"{who}: had nothing to do yet", "pending")
    done = [one.ends_at - one.event.row.recorded_at for one in mine if one.ends_at]
    if any(one.waits for one in mine) or not done:
        return Cell(f"{who}: waits", "pending")
    return Cell(f"{who}: done {duration(max(done))} after it was asked", "done")


LESSON = Lesson(
    slug="topologies",
    title="Broker and mediator",
    sub="who decides what comes next",
    icon="flow",
    text=(
        "With a broker, processors listen to each other's events and nobody is in charge: the "
        "broker topology. With a mediator topology, one processor holds the plan and asks "
        "for each next step.",
        "The same payment, inventory and notification do the same work in both. What changes is "
        "who knows the plan, how many messages it takes, and what a stopped part holds up.",
        "The mediator's state of each order is a row that commits with its next request, so it may "
        "die anywhere. When an answer does not come, it undoes what was done.",
    ),
    action="Order through both",
    start=_start,
    evidence=_evidence,
    choices=(
        Choice("well", "everything running"),
        Choice("payment", "payment stopped for 6 s"),
        Choice("notification", "notification stopped for 6 s"),
        Choice("decider", "the one who decides stopped for 6 s"),
    ),
    question=Question(
        "Which would you take for a refund whose steps legal must read in one place?",
        ("Broker", "Mediator"),
        1,
        "The mediator is the plan: one module names every step and what undoes it. With a broker "
        "the plan is spread over all who listen.",
        phrase="one processor holds the plan and asks for each next step",
    ),
)
