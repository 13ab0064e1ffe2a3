"""Lesson 7: retries with backoff, a poison message, and the dead letter that waits for a person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from flowdeck.extend import DeliveryState, LogDelivery, counted, duration, retry_letters
from lab.lesson import Cell, Evidence, Lesson, Question
from lab.measured import (
    because,
    decided,
    failures,
    picture,
    place,
    settled,
    stands,
    trace_of,
    tries,
)
from lab.models import LabRun
from lab.runs import break_for, end_fault

_SECONDS = 120.0


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    trace: UUID = uuid7()
    (fault,) = break_for(user, trace, ("payment", "poison", None, _SECONDS))
    return {"trace": place(user, trace), "fault": fault, "other": place(user)}


def _mend(user: Any, run: LabRun) -> None:
    """Take the fault away, as a fixed handler would be deployed, and retry the dead letter."""
    end_fault(user, run.facts["fault"])
    dead = _dead(run).values_list("letter", flat=True)
    retry_letters(list(dead), by=user.get_username(), reason="lab: the handler is mended")


def _dead(run: LabRun) -> Any:
    return LogDelivery.objects.filter(
        event__correlation_id=UUID(run.facts["trace"]), state=DeliveryState.DEAD
    )


def _evidence(run: LabRun) -> Evidence:
    trace, other = trace_of(run), trace_of(run, "other")
    failed = failures(trace, "payment")
    found = Evidence(("Measured", "Value", "Why"), settled=settled(trace) and settled(other))
    for attempt in failed:
        since = duration(attempt.started_at - trace.started_at) if trace else ""
        found.add(
            f"Attempt {attempt.number}",
            Cell(f"failed {since} after the order", "retrying"),
            attempt.error,
        )
    payment, order = stands(trace, "payment", "OrderCreated"), decided(trace)
    found.add(
        "Payment now",
        payment,
        because(
            payment,
            "it is tried again by itself",
            dead="its attempts are used up: a person is needed",
            done=f"done at attempt {tries(trace, 'payment')}",
        ),
    )
    found.add(
        "The order with the poison message",
        order,
        because(order, "it waits; nothing was charged", done="charged once", no="nothing is owed"),
    )
    found.add("An order placed meanwhile", decided(other), "its key is not held back")
    waits = "each wait is drawn at random, from a range that doubles"
    found.pictures.append(picture("Poison message", waits, trace))
    found.pictures.append(picture("The other order", "goes on", other))
    if found.settled and decided(trace).state == "done":
        found.conclusion = (
            f"{counted(len(failed), 'attempt')} failed, the dead letter was retried after the "
            "mending, and the order was confirmed. Nothing was charged twice."
        )
    elif found.settled and _dead(run).exists():
        found.mendable = True
        found.conclusion = "The dead letter waits. Mend the cause, then retry it."
    return found


LESSON = Lesson(
    slug="retries",
    title="Retries and dead letters",
    sub="one bad message, the rest go on",
    icon="dead-letters",
    text=(
        "Most failures pass: a restart, a short outage. So a failed attempt is made again after a "
        "wait that may be longer each time (backoff) and is drawn at random (jitter), or everybody "
        "would come back at the same moment.",
        "Some never pass. When the attempts are used up, the delivery becomes a dead letter: "
        "it is kept with every error and waits for a person. What has the same key waits "
        "behind it; everything else goes on.",
        "First the cause is mended, then the letter is retried. The event itself is never changed.",
    ),
    action="Order with a poison message",
    start=_start,
    evidence=_evidence,
    mend_label="Mend the handler and retry",
    mend=_mend,
    question=Question(
        "Why wait longer after each failure?",
        (
            "To give the other side time, and not to be its next problem",
            "To save attempts",
            "So that the message is forgotten",
        ),
        0,
        "Who retries at once, and all together, keeps an overloaded service down.",
        phrase="or everybody would come back at the same moment",
    ),
)
