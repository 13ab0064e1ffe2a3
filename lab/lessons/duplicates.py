"""Lesson 6: delivered twice; counted once, or not."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, IntegerField, Sum
from django.db.models.functions import Cast

from flowdeck import Draft, publish
from flowdeck.extend import DeliveryState, LogDelivery, LogEvent
from lab.lesson import Cell, Evidence, Lesson, Question
from lab.measured import picture, trace_of
from lab.models import LabBalance, LabRun
from lab.runs import break_for
from lab.sandbox import ATOMIC, CARELESS, KEYED, LabPaidIn

_PAYMENTS, _AMOUNT = 5, 10
_WAYS = (CARELESS, KEYED, ATOMIC)


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    break_for(user, run.trace, *((name, "twice", None, 15) for name in _WAYS))
    publish(
        *[
            Draft(
                LabPaidIn(run_id=run.pk, amount=_AMOUNT),
                stream=f"lab-{run.pk}",
                correlation_id=run.trace,
            )
            for _ in range(_PAYMENTS)
        ],
        producer="lab",
    )
    return {"trace": str(run.trace)}


def _evidence(run: LabRun) -> Evidence:
    trace = trace_of(run)
    expected = _paid_in(run)
    balances = dict(LabBalance.objects.filter(run_id=run.pk).values_list("processor", "amount"))
    deliveries = LogDelivery.objects.filter(
        event__correlation_id=run.trace, state=DeliveryState.DONE
    )
    done = dict(deliveries.values_list("processor").annotate(count=Count("pk")))
    found = Evidence(("Measured", "No guard", "Idempotency key", "One transaction", "Why"))
    found.settled = sum(done.values()) == _PAYMENTS * len(_WAYS)
    found.add("Paid in", *[str(expected)] * 3, "the sum of the events in the log")
    found.add(
        "Deliveries done",
        *(str(done.get(way, 0)) for way in _WAYS),
        "each came twice; the first worker died before it said so",
    )
    found.add("Balance", *(_balance(balances.get(w), expected, found) for w in _WAYS), "the table")
    found.add(
        "Wrong by",
        *(str((balances.get(way) or 0) - expected) if found.settled else "–" for way in _WAYS),
        "balance less what was paid in",
    )
    found.pictures.append(picture("Five payments", "to three processors", trace))
    if found.settled:
        found.conclusion = (
            f"{expected} was paid in. Without a guard the balance is {balances.get(CARELESS)}; "
            f"with a key or one transaction it is {balances.get(ATOMIC)}."
        )
    return found


def _paid_in(run: LabRun) -> int:
    events = LogEvent.objects.filter(correlation_id=run.trace, type="LabPaidIn")
    total = events.aggregate(total=Sum(Cast("data__amount", IntegerField())))["total"]
    return total or 0


def _balance(amount: int | None, expected: int, found: Evidence) -> Cell:
    if amount is None or not found.settled:
        return Cell("–" if amount is None else str(amount), "running")
    return Cell(str(amount), "done" if amount == expected else "dead")


LESSON = Lesson(
    slug="duplicates",
    title="Duplicates",
    sub="delivered twice, counted once",
    icon="twice",
    text=(
        "A worker can die after it did the work and before it said so. Then somebody else does it "
        "again: every message system delivers at least once. Whoever adds twice is wrong.",
        "There are two guards. Write the effect and the delivery's completion in one "
        "transaction: both or neither. Or, where the effect is outside, hand over an "
        "idempotency key that is the same each time.",
        "The experiment pays in five times and delivers each payment twice to three processors: "
        "without a guard, with a key, and in one transaction.",
    ),
    action="Deliver everything twice",
    start=_start,
    evidence=_evidence,
    question=Question(
        "You call a payment provider. How do you charge once?",
        (
            "In one transaction with the call",
            "With the same idempotency key on every attempt",
            "By never trying again",
        ),
        1,
        "A call to the outside can't be rolled back. The provider has to recognise the second one, "
        "by its key.",
        phrase="an idempotency key that is the same each time",
    ),
)
