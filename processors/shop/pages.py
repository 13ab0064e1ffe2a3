"""What the shop adds to the dashboard: entries, live views, hues and names of its records."""

from __future__ import annotations

from django.urls import reverse

from flowdeck import live
from flowdeck.dashboard.replay import belongings
from flowdeck.dashboard.shared import hues
from flowdeck.dashboard.shell import finders, navigation, records
from flowdeck.observe import history
from processors.domain_events import BROKER_STREAMS, MEDIATOR_STREAMS
from processors.order_decisions import Order, evolve
from processors.shop.belongings import rows_of_order
from processors.shop.finder import find_orders
from processors.shop.live import OrdersView, OutboxView, StockView
from processors.shop.open_orders import OpenOrdersView, open_orders


def _record(stream: str) -> records.Record | None:
    number = stream.rpartition("-")[2]
    return records.Record(f"Order {number}", reverse("shop:shop")) if number.isdigit() else None


navigation.register(
    "Shop", "Shop", "shop:shop", "shop", 10,
    count=open_orders, key="s", tab=True, live="open-orders",
)  # fmt: skip
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
    shop="indigo", payment="teal", inventory="clay", confirmation="leaf", mediator="leaf",
    deadlines="leaf", notification="magenta", analytics="slate", sales="slate", orders="slate",
    stock="slate", fraud="clay",
)  # fmt: skip
