"""What lessons measure: queries of the log, each of a run's own traces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from events import orders
from events.domain_events import InventoryReplenished
from events.models import Checkout, Product
from events.shop.story import build_story
from flowdeck import publish
from flowdeck.extend import EventNode, LogAttempt, Trace, duration, load_trace
from lab.lesson import Cell, Picture
from lab.models import LabRun
from lab.wiring import Diagram
from processors.models import Stock

_LOW, _PARCEL = 1_000, 5_000
SEED = 41
"""Experiments draw from it, so they go the same way each time."""


def place(user: Any, trace: UUID | None = None, **how: Any) -> str:
    """Place the lab's order, one piece of the first product; its trace, as facts keep it."""
    items = [{"sku": _product().sku, "quantity": 1}]
    placed = orders.place_order(user, items, str(uuid4()), correlation_id=trace, **how)
    return str(placed.correlation_id)


def first_price() -> Decimal:
    """What the lab's order costs."""
    return _product().price


def place_scenarios(user: Any, scenarios: Sequence[str]) -> dict[int, str]:
    """Place an order of each scenario at once; their ids, each with its trace, in that order."""
    product = _product()
    items = [{"sku": product.sku, "quantity": 1}]
    ids = orders.place_many(user, [(items, scenario) for scenario in scenarios])
    traces = dict(Checkout.objects.filter(pk__in=ids).values_list("pk", "correlation_id"))
    return {number: str(traces[number]) for number in ids}


def trace_of(run: LabRun, name: str = "trace") -> Trace | None:
    """The trace that the run's facts call ``name``."""
    known = run.facts.get(name)
    return load_trace(UUID(known)) if known else None


def first(trace: Trace | None, *types: str) -> EventNode | None:
    """The first event of one of the types."""
    events = trace.events if trace else []
    return next((node for node in events if node.row.type in types), None)


def after(trace: Trace | None, *types: str) -> str:
    """How long after its begin the trace had the event; a dash if it has not."""
    node = first(trace, *types)
    return duration(node.row.recorded_at - trace.started_at) if trace and node else "–"


def decided(trace: Trace | None) -> Cell:
    """How the order of a trace ended, or that it has not."""
    if first(trace, "OrderConfirmed"):
        return Cell(f"confirmed after {after(trace, 'OrderConfirmed')}", "done")
    if first(trace, "OrderCancelled"):
        return Cell(f"cancelled after {after(trace, 'OrderCancelled')}", "no")
    return Cell("not decided yet", "pending")


def stands(trace: Trace | None, processor: str, type_name: str = "") -> Cell:
    """The state of a processor's (last) delivery in a trace."""
    found = [
        d
        for d in (trace.deliveries if trace else [])
        if d.processor == processor and type_name in ("", d.event.row.type)
    ]
    return Cell(found[-1].state, found[-1].state) if found else Cell("nothing to do yet", "pending")


def failures(trace: Trace | None, processor: str) -> list[LogAttempt]:
    """The failed attempts of a processor in a trace, in order."""
    deliveries = trace.deliveries if trace else []
    tries = [t for d in deliveries if d.processor == processor for t in d.tries]
    return [one.failure for one in tries if one.failure is not None]


def settled(trace: Trace | None) -> bool:
    """Whether nothing of a trace will change by itself any more."""
    return trace is not None and not trace.under_way


def picture(title: str, sub: str, trace: Trace | None, diagram: Diagram | None = None) -> Picture:
    """A trace, drawn."""
    story = build_story(title, trace) if trace else None
    ordered = trace is None or first(trace, "OrderCreated", "OrderSubmitted")
    return Picture(title, sub, decided(trace) if ordered else Cell(""), story, diagram)


def listeners(node: EventNode | None) -> str:
    """Who got a delivery of an event, from the log; a dash as long as there is no event."""
    if node is None:
        return "–"
    return ", ".join(sorted({one.processor for one in node.deliveries})) or "nobody"


def tries(trace: Trace | None, processor: str) -> int:
    """How often a processor's (last) delivery in a trace was tried."""
    found = [d for d in (trace.deliveries if trace else []) if d.processor == processor]
    return found[-1].row.attempts if found else 0


def because(cell: Cell, otherwise: str, **reasons: str) -> str:
    """The reason for the state that ``cell`` has now; ``otherwise`` for the states not named."""
    return reasons.get(cell.state, otherwise)


def moment(value: datetime | None) -> str:
    """A time of the day to the millisecond, in UTC and saying so."""
    return f"{value.astimezone(UTC):%H:%M:%S.%f}"[:-3] + " UTC" if value else "–"


def _product() -> Product:
    """The first product, with enough of it on the shelf. Raises OrderRefused in an empty shop."""
    product = Product.objects.order_by("order", "sku").first()
    if product is None:
        raise orders.OrderRefused("The shop has no products; run manage.py seed_demo.")
    _stock_up(product.sku)
    return product


def _stock_up(sku: str) -> None:
    """An experiment must not fail because a class has bought the shop empty."""
    if Stock.objects.filter(sku=sku, available__lt=_LOW).exists():
        publish(
            InventoryReplenished(sku=sku, quantity=_PARCEL),
            stream=f"product-{sku}",
            producer="warehouse",
        )
