"""The read models ``orders``, ``stock`` and ``sales``: written from events alone, replayable."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from events.domain_events import (
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
from events.models import OrderSummary, Sales, StockLevel
from flowdeck import Delivery, Event, projection
from processors import json_rows

OrderEvent = (
    OrderCreated
    | OrderSubmitted
    | PaymentProcessed
    | PaymentRefunded
    | InventoryReserved
    | InventoryRejected
    | InventoryReleased
    | OrderConfirmed
    | OrderCancelled
    | NotificationSent
)
Row = dict[str, Any]

_NEW = {
    "order_id": "bigint",
    "user_id": "bigint",
    "correlation_id": "uuid",
    "reference": "text",
    "scenario": "text",
    "items": "text",
    "total": "numeric",
    "placed_at": "timestamptz",
}
_CHANGING = {
    "order_id": "bigint",
    "status": "text",
    "reason": "text",
    "payment": "text",
    "stock": "text",
    "paid_at": "timestamptz",
    "reserved_at": "timestamptz",
    "decided_at": "timestamptz",
    "refunded_at": "timestamptz",
    "released_at": "timestamptz",
    "notified_at": "timestamptz",
}


@projection("orders", model=OrderSummary, batch=True)
def orders(events: list[OrderEvent], deliveries: list[Delivery]) -> None:
    """How far each order has come, for *my orders*."""
    placed: list[Row] = []
    changes: dict[int, Row] = {}
    for event, delivery in zip(events, deliveries, strict=True):
        if isinstance(event, OrderCreated | OrderSubmitted):
            placed.append(_placed(event, delivery))
            continue
        row = changes.setdefault(event.order_id, {"order_id": event.order_id})
        row |= _change(event, json_rows.moment(delivery.envelope.recorded_at))
    if placed:
        _insert(placed)
    if changes:
        _update(list(changes.values()))


def _insert(rows: list[Row]) -> None:
    given = "jsonb" if connection.vendor == "postgresql" else "text"
    json_rows.execute(
        f"INSERT INTO events_ordersummary ({', '.join(_NEW)}, status, reason, payment, stock) "
        "SELECT order_id, user_id, correlation_id, reference, scenario, "
        f"CAST(items AS {given}), total, placed_at, 'open', '', '', '' "
        f"FROM {json_rows.as_table(_NEW)} WHERE true ON CONFLICT (order_id) DO NOTHING",
        rows,
    )


def _update(rows: list[Row]) -> None:
    """Set what the rows name; orders are not read for it."""
    names = [name for name in _CHANGING if name != "order_id"]
    assignments = ", ".join(f"{name} = coalesce(v.{name}, t.{name})" for name in names)
    found = json_rows.execute(
        f"UPDATE events_ordersummary AS t SET {assignments} "
        f"FROM {json_rows.as_table(_CHANGING)} WHERE t.order_id = v.order_id",
        rows,
    )
    if found != len(rows):
        raise OrderSummary.DoesNotExist(
            f"{len(rows) - found} of the orders {', '.join(str(r['order_id']) for r in rows[:20])} "
            "have no OrderCreated before their other events."
        )


def _placed(event: OrderCreated | OrderSubmitted, delivery: Delivery) -> Row:
    correlation_id = delivery.envelope.correlation_id
    return {
        "order_id": event.order_id,
        "user_id": event.user_id,
        "correlation_id": OrderSummary._meta.get_field("correlation_id").get_db_prep_value(
            correlation_id, connection
        ),
        "reference": event.reference,
        "scenario": event.scenario,
        "items": json.dumps([item.model_dump(mode="json") for item in event.items]),
        "total": str(event.total),
        "placed_at": json_rows.moment(delivery.envelope.recorded_at),
    }


def _change(event: OrderEvent, at: Any) -> Row:
    match event:
        case PaymentProcessed():
            return {"payment": event.status, "paid_at": at}
        case InventoryReserved():
            return {"stock": "reserved", "reserved_at": at}
        case InventoryRejected():
            return {"stock": "rejected", "reserved_at": at}
        case OrderCancelled():
            return {"status": "cancelled", "decided_at": at, "reason": event.reason}
    return {**_STATUS.get(type(event), {}), _MOMENT[type(event)]: at}


_STATUS: dict[type[Event], Row] = {OrderConfirmed: {"status": "confirmed"}}
_MOMENT: dict[type[Event], str] = {
    OrderConfirmed: "decided_at",
    PaymentRefunded: "refunded_at",
    InventoryReleased: "released_at",
    NotificationSent: "notified_at",
}


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
        "INSERT INTO events_stocklevel AS t (sku, available) VALUES (%s, %s) "
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
        "INSERT INTO events_sales AS t (day, sku, quantity, revenue) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (day, sku) DO UPDATE SET quantity = t.quantity + excluded.quantity, "
        "revenue = t.revenue + excluded.revenue",
        [(*day_sku, int(number), revenue) for day_sku, (number, revenue) in sorted(sold.items())],
    )


def _add(statement: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Add to counters that several lanes share: in one order of rows, so that none deadlock."""
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(rows))
