"""Lesson 2: loose coupling; the notification fails, the order does not."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from processors.lab.lesson import Cell, Evidence, Lesson, Question
from processors.lab.measured import (
    after,
    decided,
    failures,
    first,
    listeners,
    picture,
    place,
    settled,
    stands,
    trace_of,
)
from processors.lab.runs import break_for
from processors.models import LabRun

_FAILURES = 2


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    trace: UUID = uuid7()
    break_for(user, trace, ("notification", "fail_next", _FAILURES, 20))
    return {"trace": place(user, trace)}


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
    found.add("Notification now", stands(trace, "notification"), "it is tried again by itself")
    found.add("Customer told after", after(trace, "NotificationSent"), "late, but told")
    found.add(
        "Who listens to OrderConfirmed", listeners("OrderConfirmed"),
        "from the registry: one more listener changes nobody else",
    )  # fmt: skip
    found.pictures.append(picture("Your order", "notification fails twice", trace))
    if told and found.settled:
        found.conclusion = (
            f"The order was {decided(trace).text}, the message came after "
            f"{after(trace, 'NotificationSent')}. Nobody waited for it."
        )
    return found


LESSON = Lesson(
    slug="coupling",
    title="Loose coupling",
    sub="notification fails, orders do not",
    icon="flow",
    text=(
        "When one program calls another, both have to work at the same moment: the caller fails "
        "with whom it calls. Here nobody calls anybody.",
        "The experiment lets notification fail twice for your order. Its [[delivery]] is tried "
        "again later, each [[attempt]] kept with its error. Payment and inventory have deliveries "
        "of their own and go on.",
        "In the same way somebody can be added: a new [[processor]] subscribes, and gets the "
        "events. No line of the others changes.",
    ),
    action="Order while notification fails",
    start=_start,
    evidence=_evidence,
    question=Question(
        "Notification is down for an hour. What do customers notice?",
        ("Orders fail", "Orders are confirmed, the message comes an hour later", "Nothing at all"),
        1,
        "Each processor has its own deliveries. Those of notification wait or are tried again; "
        "the others are done in the meantime.",
    ),
)
