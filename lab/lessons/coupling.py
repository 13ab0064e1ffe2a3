"""Lesson 2: loose coupling; the notification fails, the order does not; a newcomer joins."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from flowdeck.extend import Trace, deliver_past
from lab.lesson import Cell, Evidence, Lesson, Question
from lab.measured import (
    after,
    because,
    decided,
    failures,
    first,
    listeners,
    picture,
    place,
    settled,
    stands,
    trace_of,
    tries,
)
from lab.models import LabRun
from lab.runs import break_for
from lab.sandbox import LOYALTY

_FAILURES = 2


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    trace: UUID = uuid7()
    break_for(user, trace, ("notification", "fail_next", _FAILURES, 20))
    return {"trace": place(user, trace)}


def _mend(user: Any, run: LabRun) -> None:
    """Add the newcomer to what listens to the order's OrderConfirmed; the others are left alone."""
    trace = trace_of(run)
    confirmed = first(trace, "OrderConfirmed")
    if trace is None or confirmed is None:
        return
    run.facts["others"] = len(trace.deliveries)
    run.save(update_fields=["facts"])
    deliver_past(LOYALTY, [confirmed.row.position])


def _evidence(run: LabRun) -> Evidence:
    trace = trace_of(run)
    failed = failures(trace, "notification")
    told = first(trace, "NotificationSent")
    found = Evidence(("Measured", "Value", "Why"), settled=settled(trace))
    found.add("The order", decided(trace), "payment, inventory and confirmation were not touched")
    found.add("Paid after", after(trace, "PaymentProcessed"), "it does not wait for notification")
    found.add(
        "Notification's failures",
        Cell(f"{len(failed)} of {_FAILURES}", "retrying" if failed else "pending"),
        failed[-1].error if failed else "none yet",
    )
    now, attempt = stands(trace, "notification"), tries(trace, "notification")
    found.add(
        "Notification now",
        now,
        because(now, "it is tried again by itself", done=f"done by itself, at attempt {attempt}"),
    )
    found.add(
        "Customer told after",
        after(trace, "NotificationSent"),
        "late, but told" if told else "not told yet",
    )
    found.add(
        "Who listens to OrderConfirmed",
        listeners(first(trace, "OrderConfirmed")),
        "from the log: nobody who writes knows them",
    )
    if "others" in run.facts:
        _newcomer(found, run, trace)
    found.pictures.append(picture("Your order", "notification fails twice", trace))
    if told and found.settled and "others" not in run.facts:
        found.mendable = True
        found.conclusion = (
            f"The order was {decided(trace).text}, the message came after "
            f"{after(trace, 'NotificationSent')}. Nobody waited for it."
        )
    return found


def _newcomer(found: Evidence, run: LabRun, trace: Trace | None) -> None:
    given = first(trace, "LabPointsGiven")
    others = [d for d in (trace.deliveries if trace else []) if d.processor != LOYALTY]
    before = [d for d in others if d.event.row.type != "LabPointsGiven"]
    found.settled = found.settled and given is not None
    found.add("The newcomer", stands(trace, LOYALTY), "it got the event by subscribing to it")
    found.add(
        "What it did",
        f"{given.row.data['points']} points" if given else "nothing yet",
        "an event again, in the same trace",
    )
    found.add(
        "Deliveries of the others",
        f"{len(before)}, before {run.facts['others']}",
        "nobody was asked, nobody was changed",
    )
    if found.settled and given:
        found.conclusion = (
            f"A processor was added and gave {given.row.data['points']} points; the "
            f"{len(before)} deliveries of the others are as they were."
        )


LESSON = Lesson(
    slug="coupling",
    title="Loose coupling",
    sub="notification fails, orders do not",
    icon="flow",
    text=(
        "When one program calls another, both have to work at the same moment: the caller fails "
        "with whom it calls. Here nobody calls anybody.",
        "The experiment lets notification fail twice for your order. Its delivery is tried "
        "again later, each attempt kept with its error. Payment and inventory have deliveries "
        "of their own and go on.",
        "In the same way somebody can be added: a new processor subscribes, and gets the "
        "events, even those of the past. No line of the others changes.",
    ),
    action="Order while notification fails",
    start=_start,
    evidence=_evidence,
    mend_label="Add a processor to the running system",
    mend=_mend,
    question=Question(
        "Notification is down for an hour. What do customers notice?",
        ("Orders fail", "Orders are confirmed, the message comes an hour later", "Nothing at all"),
        1,
        "Each processor has its own deliveries. Those of notification wait or are tried again; "
        "the others are done in the meantime.",
        phrase="Payment and inventory have deliveries of their own and go on",
    ),
)
