"""Lesson 12: CQRS; one thing is written, each question has a table of its own."""

from __future__ import annotations

from typing import Any

from events.models import OrderSummary, Sales, StockLevel
from flowdeck.extend import DeliveryState, LogEvent, Trace, duration, registry
from lab.lesson import Cell, Evidence, Lesson, Question
from lab.measured import decided, first, picture, place, settled, trace_of
from lab.models import LabRun

_MOST = 10_000  # counted exactly up to here


def _start(user: Any, run: LabRun) -> dict[str, Any]:
    return {"trace": place(user, scenario="all_well")}


def _evidence(run: LabRun) -> Evidence:
    trace = trace_of(run)
    found = Evidence(
        ("Question", "Read model", "Answer", "Rows read", "Events behind it", "Behind the log by"),
        settled=settled(trace),
    )
    placed = first(trace, "OrderCreated")
    if trace is None or placed is None:
        return found
    sku = placed.row.data["items"][0]["sku"]
    order = OrderSummary.objects.filter(correlation_id=trace.correlation_id).first()
    found.add(
        "Where is my order?",
        "orders",
        order.status if order else "not known yet",
        "1",
        str(sum(one.processor == "orders" for one in trace.deliveries)),
        _behind(trace, "orders"),
    )
    left = StockLevel.objects.filter(sku=sku).first()
    found.add(
        f"How many {sku} are left?",
        "stock",
        str(left.available) if left else "–",
        "1",
        _count("stock"),
        _behind(trace, "stock"),
    )
    sold = Sales.objects.filter(sku=sku, day=placed.row.recorded_at.date()).first()
    found.add(
        f"How many {sku} were sold that day?",
        "sales",
        str(sold.quantity) if sold else "none",
        "1",
        _count("sales"),
        _behind(trace, "sales"),
    )
    found.pictures.append(picture("Your order", "one command, three read models", trace))
    if found.settled:
        found.conclusion = (
            "The command wrote one event and read no read model. The order was "
            f"{decided(trace).text}; three tables each answer their question with one row."
        )
    return found


def _count(processor: str) -> str:
    """How many events the projection is made of: what would be read without it."""
    types = registry.processor(processor).subscriptions
    found = LogEvent.objects.filter(type__in=types).order_by()[: _MOST + 1].count()
    return f"more than {_MOST:,}" if found > _MOST else f"{found:,}"


def _behind(trace: Trace, processor: str) -> Cell:
    """From the newest event of the trace to its being in the read model."""
    done = [
        (d.row.finished_at - d.event.row.recorded_at).total_seconds() * 1000
        for d in trace.deliveries
        if d.processor == processor and d.state == DeliveryState.DONE and d.row.finished_at
    ]
    return Cell(duration(done[-1] / 1000), "done") if done else Cell("–", "pending")


LESSON = Lesson(
    slug="cqrs",
    title="CQRS and read models",
    sub="write once, read in many ways",
    icon="log",
    text=(
        "What is good to write is seldom good to read. An order is one fact to write; my orders, "
        "what is left and what was sold are three questions to read.",
        "CQRS takes them apart. A command checks what was asked and appends an event. Each "
        "question gets a read model of its own, written by a projection, in the shape of the "
        "answer: one row to read, no sum, no join. A new question is a new read model, filled by "
        "a replay of the past; nothing that writes has to change.",
        "The price: a read model is a little behind the log, and the same fact is kept more than "
        "once.",
    ),
    action="Place an order, ask three questions",
    start=_start,
    evidence=_evidence,
    question=Question(
        "Somebody wants to see sales by town. What has to change?",
        (
            "The table of orders gets an index and a join",
            "A new projection with a read model of its own, filled by a replay",
            "The command that places orders",
        ),
        1,
        "The events are there already. A new read model is made from them, beside the others, and "
        "nobody who writes notices.",
        phrase="A new question is a new read model, filled by a replay of the past",
    ),
)
