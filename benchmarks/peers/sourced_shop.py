"""``eventsourcing`` following a shop: the same events into the same three tables.

``python -m benchmarks.peers.sourced_shop STEP ORDERS``. Each event is handled in a transaction of
its own, together with the library's note of how far it has come, as its documentation shows.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from decimal import Decimal
from typing import Any

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from benchmarks.peers.sourced import ENVIRONMENT

_TABLES = (
    """CREATE TABLE IF NOT EXISTS order_summary (order_id bigint PRIMARY KEY, user_id bigint,
    reference text, items jsonb, total numeric, status text, payment text, stock text,
    placed_at timestamptz, paid_at timestamptz, reserved_at timestamptz, decided_at timestamptz,
    notified_at timestamptz)""",
    "CREATE INDEX IF NOT EXISTS of_user ON order_summary (user_id, order_id DESC)",
    "CREATE TABLE IF NOT EXISTS stock (sku text PRIMARY KEY, available integer)",
    """CREATE TABLE IF NOT EXISTS sales (day date, sku text, quantity bigint, revenue numeric,
    PRIMARY KEY (day, sku))""",
)


class Order(Aggregate):
    """An order as the shop records it."""

    @event("Created")
    def __init__(self, order_id: int, user_id: int, total: Decimal, items: list[Any]) -> None:
        self.order_id, self.items = order_id, items

    @event("Reserved")
    def reserve(self, order_id: int, items: list[Any]) -> None:
        """Set aside."""

    @event("Paid")
    def pay(self, order_id: int, status: str) -> None:
        """Paid."""

    @event("Confirmed")
    def confirm(self, order_id: int, items: list[Any]) -> None:
        """Paid and set aside."""

    @event("Notified")
    def notify(self, order_id: int, subject: str) -> None:
        """The customer knows."""


class Shop(Application):
    """Keeps orders."""


class View(PostgresTrackingRecorder):
    """The three tables."""

    def __init__(self, datastore: Any, **options: Any) -> None:
        super().__init__(datastore, **options)
        self.sql_create_statements.extend(SQL(text) for text in _TABLES)

    def write(self, tracking: Any, statements: list[tuple[str, list[Any]]]) -> None:
        """The statements and the note of how far it has come, in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            for statement, parameters in statements:
                cursor.execute(statement, parameters, prepare=True)


class Follower(Projection[View]):
    """Writes what our projections ``orders``, ``stock`` and ``sales`` write."""

    name = "shop"
    handled = 0
    began = 0.0

    def process_event(self, domain_event: Any, tracking: Any) -> None:
        """One event."""
        Follower.began = Follower.began or time.time()
        write = getattr(self, f"_{type(domain_event).__name__.lower()}")
        self.view.write(tracking, write(domain_event, domain_event.timestamp))
        Follower.handled += 1

    def _created(self, e: Any, at: datetime) -> list[tuple[str, list[Any]]]:
        return [
            (
                "INSERT INTO order_summary (order_id, user_id, reference, items, total, status, "
                "placed_at) VALUES (%s, %s, %s, %s, %s, 'open', %s)",
                [e.order_id, e.user_id, "", json.dumps(e.items), e.total, at],
            )
        ]

    def _reserved(self, e: Any, at: datetime) -> list[tuple[str, list[Any]]]:
        changed = "UPDATE order_summary SET stock = 'reserved', reserved_at = %s WHERE order_id=%s"
        return [(changed, [at, e.order_id])] + [
            (
                "INSERT INTO stock VALUES (%s, %s) ON CONFLICT (sku) DO UPDATE "
                "SET available = stock.available + excluded.available",
                [item["sku"], -item["quantity"]],
            )
            for item in e.items
        ]

    def _paid(self, e: Any, at: datetime) -> list[tuple[str, list[Any]]]:
        changed = "UPDATE order_summary SET payment = %s, paid_at = %s WHERE order_id = %s"
        return [(changed, [e.status, at, e.order_id])]

    def _confirmed(self, e: Any, at: datetime) -> list[tuple[str, list[Any]]]:
        changed = "UPDATE order_summary SET status='confirmed', decided_at=%s WHERE order_id=%s"
        return [(changed, [at, e.order_id])] + [
            (
                "INSERT INTO sales VALUES (%s, %s, %s, %s) ON CONFLICT (day, sku) DO UPDATE "
                "SET quantity = sales.quantity + excluded.quantity, "
                "revenue = sales.revenue + excluded.revenue",
                [
                    at.date(),
                    item["sku"],
                    item["quantity"],
                    item["quantity"] * Decimal(item["price"]),
                ],
            )
            for item in e.items
        ]

    def _notified(self, e: Any, at: datetime) -> list[tuple[str, list[Any]]]:
        return [("UPDATE order_summary SET notified_at = %s WHERE order_id = %s", [at, e.order_id])]


def send(orders: int) -> dict[str, float]:
    """Five events an order."""
    shop = Shop(env=ENVIRONMENT)
    for first in range(1, orders + 1, 50):
        shop.save(*(_order(n) for n in range(first, min(first + 50, orders + 1))))
    return {}


def _order(n: int) -> Order:
    items = [{"sku": f"sku-{n % 20}", "quantity": 2, "price": "14.00"}]
    order = Order(n, n % 500, Decimal("28.00"), items)
    order.reserve(n, items)
    order.pay(n, "success")
    order.confirm(n, items)
    order.notify(n, "Confirmed")
    return order


def follow(orders: int) -> dict[str, float]:
    """Follow from the beginning to the end."""
    with ProjectionRunner(
        application_class=Shop, projection_class=Follower, view_class=View, env=ENVIRONMENT
    ):
        while Follower.handled < orders * 5:
            time.sleep(0.01)
    return {"eventsourcing": orders * 5 / (time.time() - Follower.began)}


if __name__ == "__main__":
    step = {"send": send, "follow": follow}[sys.argv[1]]
    print(json.dumps(step(*map(int, sys.argv[2:]))))
