"""Lesson 1: an order, followed through the log."""

from __future__ import annotations

from typing import Any

from flowdeck.extend import DeliveryState, counted
from lab.lesson import Cell, Evidence, Lesson, Question
from lab.measured import decided, listeners, picture, place, settled, trace_of
from lab.models import LabRun


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    return {"trace": place(user, scenario="all_well")}


def _evidence(run: LabRun) -> Evidence:
    trace = trace_of(run)
    found = Evidence(("Event", "Written by", "Who listens", "Done"), settled=settled(trace))
    for node in trace.events if trace else []:
        done = sum(d.state == DeliveryState.DONE for d in node.deliveries)
        state = "done" if done == len(node.deliveries) else "running"
        found.add(
            node.row.type,
            node.row.producer,
            listeners(node),
            Cell(f"{done} of {len(node.deliveries)}", state),
        )
    found.pictures.append(picture("Your order", "who did what, when", trace))
    if trace and found.settled:
        found.conclusion = (
            f"One click: {counted(len(trace.events), 'event')}, "
            f"{counted(len(trace.deliveries), 'delivery', 'deliveries')}, "
            f"{decided(trace).text}. The shop only wrote the first event."
        )
    return found


LESSON = Lesson(
    slug="ripple",
    title="Events, broker, processors",
    sub="place an order and follow it",
    icon="trace",
    text=(
        "An event is a fact: something happened, and it will always have happened. The shop "
        "writes OrderCreated into the log and is done. It calls nobody.",
        "Processors have said which events they listen to. The broker topology brings each "
        "of them its own delivery. What they do, they write down as events again, and so one "
        "order ripples through the whole system.",
    ),
    action="Place an order",
    start=_start,
    evidence=_evidence,
    question=Question(
        "Who tells notification that an order is confirmed?",
        ("The shop calls it", "Confirmation calls it", "Nobody: it listens to OrderConfirmed"),
        2,
        "Confirmation writes OrderConfirmed and knows nobody. Notification has subscribed to it; "
        "the table above shows who listens to what.",
        phrase="Processors have said which events they listen to",
    ),
)
