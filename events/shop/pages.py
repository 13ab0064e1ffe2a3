"""What the shop adds to the dashboard: entries, live views, hues and names of its records."""

from __future__ import annotations

from django.urls import reverse

from events.domain_events import BROKER_STREAMS, MEDIATOR_STREAMS
from events.order_decisions import Order, evolve
from events.shop.belongings import rows_of_order
from events.shop.finder import find_orders
from events.shop.live import OrdersView, OutboxView, StockView
from events.shop.open_orders import OpenOrdersView, open_orders
from flowdeck.extend import (
    Record,
    assign_hues,
    register_belongings,
    register_entry,
    register_finder,
    register_fold,
    register_live_view,
    register_record,
)


def _record(stream: str) -> Record | None:
    number = stream.rpartition("-")[2]
    return Record(f"Order {number}", reverse("shop:shop")) if number.isdigit() else None


register_entry(
    section="Shop",
    label="Shop",
    url_name="shop:shop",
    icon="bag",
    order=10,
    count=open_orders,
    key="s",
    tab=True,
    live="open-orders",
)
register_entry("Shop", "Outbox", "shop:outbox", "tray", 20)
register_live_view("open-orders", OpenOrdersView)
register_live_view("orders", OrdersView)
register_live_view("stock", StockView)
register_live_view("outbox", OutboxView)
for prefix in (BROKER_STREAMS, MEDIATOR_STREAMS):
    register_record(prefix, _record)
    register_fold(prefix, Order(), evolve)
    register_belongings(prefix, rows_of_order)
register_finder("Orders", 10, find_orders)
assign_hues(
    shop="indigo",
    payment="teal",
    inventory="clay",
    confirmation="leaf",
    mediator="leaf",
    notification="magenta",
    analytics="slate",
    sales="slate",
    orders="slate",
    stock="slate",
    fraud="clay",
    **{"stuck-order": "clay"},
)
