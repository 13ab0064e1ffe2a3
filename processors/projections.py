"""The read models ``orders``, ``stock`` and ``sales``: written from events alone, replayable."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from django.db import connection

from events import Delivery, projection
from processors.domain_events import (
    InventoryRejected,
    InventoryReleased,
    InventoryReplenished,
    InventoryReserved,
    NotificationSent,
    OrderCancelled,
    OrderConfirmed,
    OrderCreated,
    OrderSubmitted,
    PaymentProcessed,
    PaymentRefunded,
)
from processors.models import OrderSummary, Sales, StockLevel

OrderEvent = (
    OrderCreated | OrderSubmitted | PaymentProcessed | PaymentRefunded | InventoryReserved
    | InventoryRejected | InventoryReleased | OrderConfirmed | OrderCancelled | NotificationSent
)  # fmt: skip
_CHANGING = [
    "status", "reason", "payment", "stock", "paid_at", "reserved_at", "decided_at",
    "refunded_at", "released_at", "notified_at",
]  # fmt: skip


@projection("orders", model=OrderSummary, batch=True)
def orders(events: list[OrderEvent], deliveries: list[Delivery]) -> None:
    """How far each order has come, for *my orders*."""
    rows = OrderSummary.objects.in_bulk({event.order_id for event in events})
    for event, delivery in zip(events, deliveries, strict=True):
        if isinstance(event, OrderCreated | OrderSubmitted):
            rows[event.order_id] = _placed(event, delivery)
        else:
            _advance(rows[event.order_id], event, delivery)
    OrderSummary.objects.bulk_create(
        rows.values(), update_conflicts=True, unique_fields=["order_id"], update_fields=_CHANGING
    )


def _placed(event: OrderCreated | OrderSubmitted, delivery: Delivery) -> OrderSummary:
    return OrderSummary(
        order_id=event.order_id,
        user_id=event.user_id,
        correlation_id=delivery.envelope.correlation_id,
        reference=event.reference,
        scenario=event.scenario,
        items=[item.model_dump(mode="json") for item in event.items],
        total=event.total,
        placed_at=delivery.envelope.recorded_at,
    )


def _advance(row: OrderSummary, event: OrderEvent, delivery: Delivery) -> None:
    at = delivery.envelope.recorded_at
    match event:
        case PaymentProcessed():
            row.payment, row.paid_at = event.status, at
        case InventoryReserved():
            row.stock, row.reserved_at = "reserved", at
        case InventoryRejected():
            row.stock, row.reserved_at = "rejected", at
        case _:
            _end(row, event, at)


def _end(row: OrderSummary, event: OrderEvent, at: datetime) -> None:
    match event:
        case OrderConfirmed():
            row.status, row.decided_at = OrderSummary.Status.CONFIRMED, at
        case OrderCancelled():
            row.status, row.decided_at = OrderSummary.Status.CANCELLED, at
            row.reason = event.reason
        case PaymentRefunded():
            row.refunded_at = at
        case InventoryReleased():
            row.released_at = at
        case NotificationSent():
            row.notified_at = at


@projection("stock", model=StockLevel, batch=True)
def stock(
    events: list[InventoryReplenished | InventoryReserved | InventoryReleased],
    deliveries: list[Delivery],
) -> None:
    """How many pieces of each product are for sale."""
    change = Counter[str]()
    for event in events:
        if isinstance(event, InventoryReplenished):
            change[event.sku] += event.quantity
            continue
        sign = -1 if isinstance(event, InventoryReserved) else 1
        for item in event.items:
            change[item.sku] += sign * item.quantity
    _add(
        "INSERT INTO processors_stocklevel AS t (sku, available) VALUES (%s, %s) "
        "ON CONFLICT (sku) DO UPDATE SET available = t.available + excluded.available",
        sorted(change.items()),
    )


@projection("sales", model=Sales, batch=True)
def sales(events: list[OrderConfirmed], deliveries: list[Delivery]) -> None:
    """What was sold on each day."""
    sold: defaultdict[tuple[date, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 2)
    for event, delivery in zip(events, deliveries, strict=True):
        for item in event.items:
            of_day = sold[delivery.envelope.recorded_at.date(), item.sku]
            of_day[0] += item.quantity
            of_day[1] += item.quantity * item.price
    _add(
        "INSERT INTO processors_sales AS t (day, sku, quantity, revenue) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (day, sku) DO UPDATE SET quantity = t.quantity + excluded.quantity, "
        "revenue = t.revenue + excluded.revenue",
        [(*day_sku, int(number), revenue) for day_sku, (number, revenue) in sorted(sold.items())],
    )


def _add(statement: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Add to counters that several lanes share: in one order of rows, so that none deadlock."""
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(rows))
