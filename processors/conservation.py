"""Checks of the shop for ``manage.py verify``: money and stock are conserved."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from flowdeck.extend import Scope, verification_check


def _rows(statement: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


@verification_check("shop: money taken is the money of confirmed orders")
def _money(scope: Scope) -> Iterator[str]:
    for order_id, taken, total, status in _rows(
        """
        SELECT o.order_id, coalesce(c.taken, 0), o.total, o.status FROM events_ordersummary o
        LEFT JOIN (
          SELECT order_id, sum(amount) AS taken FROM processors_charge
          WHERE declined = '' AND NOT refunded GROUP BY order_id
        ) AS c ON c.order_id = o.order_id
        WHERE (o.status = 'confirmed' AND coalesce(c.taken, 0) <> o.total)
          OR (o.status = 'cancelled' AND coalesce(c.taken, 0) <> 0 AND (
            o.payment <> 'success' OR o.refunded_at IS NOT NULL))
        """
    ):
        yield f"order {order_id} is {status} with a total of {total}, but {taken} was taken"


@verification_check("shop: money is taken for orders that were placed")
def _asked_for(scope: Scope) -> Iterator[str]:
    # An order may be archived, or its summary not yet written, but not both.
    for reference, order_id in _rows(
        """
        SELECT c.reference, c.order_id FROM processors_charge c
        WHERE NOT EXISTS (SELECT 1 FROM events_ordersummary o WHERE o.order_id = c.order_id)
          AND NOT EXISTS (SELECT 1 FROM flowdeck_stream s WHERE s.name = 'order-' || c.order_id)
        """
    ):
        yield f"charge {reference} is for order {order_id}, which nobody placed"


@verification_check("shop: stock is conserved")
def _stock(scope: Scope) -> Iterator[str]:
    for sku, available, booked in _rows(
        """
        SELECT s.sku, s.available, l.available FROM processors_stock s
        LEFT JOIN events_stocklevel l ON l.sku = s.sku
        WHERE s.available < 0 OR (s.available <> coalesce(l.available, 0) AND NOT EXISTS (
          SELECT 1 FROM flowdeck_delivery WHERE processor = 'stock' AND state <> 'done'))
        """
    ):
        yield f"{sku}: the warehouse has {available}, the log says {booked}"


@verification_check("shop: every order is decided once")
def _decided(scope: Scope) -> Iterator[str]:
    for stream, count in _rows(
        "SELECT stream, count(*) FROM flowdeck_event "
        "WHERE type IN ('OrderConfirmed', 'OrderCancelled') GROUP BY stream HAVING count(*) > 1"
    ):
        yield f"{stream} was decided {count} times"
