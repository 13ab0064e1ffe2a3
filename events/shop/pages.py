"""What the shop adds to the dashboard: entries, live views, hues and names of its records."""

from __future__ import annotations

from django.urls import reverse

from events.domain_events import BROKER_STREAMS, MEDIATOR_STREAMS
from events.order_decisions import Order, evolve
from events.shop.belongings import rows_of_order
from events.shop.finder import find_orders
from events.shop.live import OrdersView, OutboxView, StockView
from events.shop.open_orders import OpenOrdersView, open_orders
from flowdeck import live
from flowdeck.dashboard.replay import belongings
from flowdeck.dashboard.shared import hues
from flowdeck.dashboard.shell import finders, navigation, records
from flowdeck.observe import history


def _record(stream: str) -> records.Record | None:
    number = stream.rpartition("-")[2]
    return records.Record(f"Order {number}", reverse("shop:shop")) if number.isdigit() else None


navigation.register(
    "Shop",
    "Shop",
    "shop:shop",
    "shop",
    10,
    count=open_orders,
    key="s",
    tab=True,
    live="open-orders",
)
navigation.register("Shop", "Outbox", "shop:outbox", "outbox", 20)
live.register("open-orders", OpenOrdersView)
live.register("orders", OrdersView)
live.register("stock", StockView)
live.register("outbox", OutboxView)
for prefix in (BROKER_STREAMS, MEDIATOR_STREAMS):
    records.register(prefix, _record)
    history.register(prefix, Order(), evolve)
    belongings.register(prefix, rows_of_order)
finders.register("Orders", 10, find_orders)
hues.assign(
    shop="indigo",
    payment="teal",
    inventory="clay",
    confirmation="leaf",
    mediator="leaf",
    deadlines="leaf",
    notification="magenta",
    analytics="slate",
    sales="slate",
    orders="slate",
    stock="slate",
    fraud="clay",
)
