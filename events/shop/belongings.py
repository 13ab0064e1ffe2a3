"""The rows of the read models that an order shows in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.models import OrderSummary, Sales, StockLevel
from events.money import money
from flowdeck.extend import Belonging


def rows_of_order(stream: str, state: Mapping[str, Any]) -> list[Belonging]:
    """Its own row, the sales it is part of, and the stock of what was ordered; three queries."""
    number = stream.rpartition("-")[2]
    order = OrderSummary.objects.filter(pk=number).first() if number.isdecimal() else None
    if order is None:
        return []
    skus = sorted({item["sku"] for item in order.items})
    mine = Belonging("orders", str(order.pk), f"{order.status}, {money(order.total)}")
    return [mine, *_sales(order, skus), *_stock(skus)]


def _sales(order: OrderSummary, skus: list[str]) -> list[Belonging]:
    if order.status != OrderSummary.Status.CONFIRMED or order.decided_at is None:
        return []
    return [
        Belonging(
            "sales", f"{row.day} / {row.sku}", f"{row.quantity} sold that day, {money(row.revenue)}"
        )
        for row in Sales.objects.filter(day=order.decided_at.date(), sku__in=skus).order_by("sku")
    ]


def _stock(skus: list[str]) -> list[Belonging]:
    return [
        Belonging("stock", row.sku, f"{row.available} for sale")
        for row in StockLevel.objects.filter(sku__in=skus).order_by("sku")
    ]
