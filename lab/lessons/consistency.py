"""Lesson 4: eventual consistency; the page says placed, the payment is still under way."""

from __future__ import annotations

from statistics import median
from typing import Any

from events.models import OrderSummary
from flowdeck.extend import DeliveryState, Trace, counted, duration
from lab.lesson import Cell, Evidence, Lesson, Question
from lab.measured import after, because, decided, first, picture, place, settled, trace_of
from lab.models import LabRun


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    return {"trace": place(user, scenario="card_declined")}


def _evidence(run: LabRun) -> Evidence:
    trace = trace_of(run)
    lags = _lags(trace)
    found = Evidence(("Measured", "Value", "Why"), settled=settled(trace))
    found.add("The page said placed", Cell("at once", "ghost"), "a claim: nobody had checked yet")
    found.add("First event committed", after(trace, "OrderCreated"), "from here on it is a fact")
    found.add("The card was declined after", after(trace, "PaymentProcessed"), "the provider's no")
    order = decided(trace)
    corrected = "the claim stood until here, then it was corrected"
    found.add(
        "The order",
        order,
        because(order, "the claim still stands", no=corrected, done="the claim was right"),
    )
    found.add("Items back on the shelf after", after(trace, "InventoryReleased"), "compensation")
    found.add("The read model says", _summary(trace), "what my orders shows")
    found.add(
        "The read model was behind by",
        f"{duration(median(lags) / 1000)}, at most {duration(max(lags) / 1000)}" if lags else "–",
        f"measured on {counted(len(lags), 'event')}: recorded to projected",
    )
    found.pictures.append(picture("Your order", "claimed, then corrected", trace))
    if found.settled and lags and first(trace, "OrderCancelled"):
        found.conclusion = (
            f"For {after(trace, 'OrderCancelled')} the page showed what was not true in the end, "
            "and said so: dashed, then corrected."
        )
    return found


def _lags(trace: Trace | None) -> list[float]:
    """Milliseconds from each event to its being in the read model of orders."""
    return [
        (d.row.finished_at - d.event.row.recorded_at).total_seconds() * 1000
        for d in (trace.deliveries if trace else [])
        if d.processor == "orders" and d.state == DeliveryState.DONE and d.row.finished_at
    ]


def _summary(trace: Trace | None) -> Cell:
    known = trace and OrderSummary.objects.filter(correlation_id=trace.correlation_id).first()
    return Cell(known.status if known else "nothing yet", "" if known else "pending")


LESSON = Lesson(
    slug="consistency",
    title="Eventual consistency",
    sub="say placed now, correct later",
    icon="slow",
    text=(
        "The shop answers before the payment is decided. For a while the page and the truth "
        "differ; in the end they agree. That is eventual consistency, and how long the while is "
        "can be measured.",
        "The page shows your click at once, marked as not yet confirmed. When the card is "
        "declined, the claim is struck out and the reason stands below it. The stock that was "
        "reserved is given back.",
        "A read model is written by a projection, after the event. It is a little behind: the "
        "evidence says how much.",
    ),
    action="Order with a card that is declined",
    start=_start,
    evidence=_evidence,
    question=Question(
        "What makes an early answer honest?",
        (
            "It is shown as a claim, and corrected with a reason if it fails",
            "It is never shown before everything is done",
            "It is right most of the time",
        ),
        0,
        "A claim has to look like one, and a wrong one is corrected where it was shown.",
        phrase="the claim is struck out and the reason stands below it",
    ),
)
