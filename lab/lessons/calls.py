"""Lesson 14: the same order by synchronous calls and by events, with notification down."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from flowdeck.extend import duration
from lab import calls
from lab.lesson import Cell, Choice, Evidence, Lesson, Question
from lab.measured import (
    after,
    because,
    decided,
    first,
    first_price,
    picture,
    place,
    settled,
    stands,
    trace_of,
)
from lab.models import LabRun
from lab.runs import break_for
from processors.models import Charge

_STOPPED = 5.0  # seconds


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    down = run.choice == "down"
    trace: UUID = uuid7()
    if down:
        break_for(user, trace, ("notification", "stop", None, _STOPPED))
    made = calls.order(number_of(run.pk), first_price(), notification_down=down)
    began = time.perf_counter()
    placed = place(user, trace, scenario="all_well")
    waited = round((time.perf_counter() - began) * 1000)
    return {"trace": placed, "calls": made, "waited": waited}


def number_of(run: int) -> int:
    """The number of a run's order by calls: below zero, so that no order of the shop has it."""
    return -run


def _evidence(run: LabRun) -> Evidence:
    trace = trace_of(run)
    made: list[dict[str, Any]] = run.facts["calls"]
    failed = next((call for call in made if call["error"]), None)
    charge = Charge.objects.filter(order_id=number_of(run.pk)).first()
    told = stands(trace, "notification")
    waited = sum(call["ms"] for call in made)
    found = Evidence(("Measured", "By calls", "By events", "Why"), settled=settled(trace))
    found.add(
        "The customer waited",
        duration(waited / 1000),
        duration(run.facts["waited"] / 1000),
        "for every service, or for one commit",
    )
    found.add(
        "The answer",
        Cell("an error", "dead") if failed else Cell("confirmed", "done"),
        Cell("placed", "ghost"),
        "by calls it is final, by events a claim",
    )
    found.add(
        "The order",
        Cell("not placed", "no") if failed else Cell("confirmed", "done"),
        decided(trace),
        failed["error"] if failed else "all services answered",
    )
    found.add(
        "The money",
        "taken, then given back" if charge and charge.refunded else "taken",
        f"taken once, after {after(trace, 'PaymentProcessed')}"
        if first(trace, "PaymentProcessed")
        else "not taken yet",
        "a crash between the two calls would keep it" if failed else "the same provider",
    )
    found.add(
        "Notification",
        Cell("down", "dead") if failed else Cell("called", "done"),
        told,
        because(
            told, "its delivery waits; it is done when it is back", done="its delivery is done"
        ),
    )
    found.add(
        "Must be up at the click",
        f"{len(made) - bool(failed)} services",
        "the database",
        "4 services of 99 % each are up together 96 % of the time",
    )
    found.pictures.append(picture("By events", "notification comes later", trace))
    if found.settled:
        ended = "failed with notification" if failed else "waited for every service"
        found.conclusion = (
            f"By calls the order {ended}; by events it was {decided(trace).text}, and the "
            f"customer was told after {after(trace, 'NotificationSent')}."
        )
    return found


LESSON = Lesson(
    slug="calls",
    title="Calls or events",
    sub="and when not to use events",
    icon="arrow",
    text=(
        "With synchronous calls the caller waits for each service, and all of them have to be up "
        "at the same moment. What was done before a failing call has to be undone by hand. With "
        "events the order is placed when its event is committed; everybody else may come later.",
        "That is not free. The answer is a claim at first, a failure shows up somewhere else and "
        "later, and somebody has to watch dead letters. So do not use events where the caller "
        "needs the answer to go on, where one program with one database does it all, or where "
        "nobody else will ever listen: a call, or a transaction, is simpler and better.",
        "The experiment places the same order both ways, with notification down or up.",
    ),
    action="Order both ways",
    start=_start,
    evidence=_evidence,
    choices=(
        Choice("down", "notification down for 5 s"),
        Choice("well", "everything running"),
    ),
    question=Question(
        "A page needs the price of a parcel to go on. Event or call?",
        ("An event: it is more robust", "A call: the page can't go on without the answer"),
        1,
        "Where the answer is needed to go on, waiting for it is the honest thing to do.",
        phrase="do not use events where the caller needs the answer to go on",
    ),
)
