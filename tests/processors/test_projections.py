"""Read models are functions of the log alone."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import models

from events import orders
from events.models import OrderSummary, Sales, StockLevel
from flowdeck import load, read_log
from flowdeck.declare.event import Delivery
from flowdeck.declare.registry import registry
from flowdeck.testing import settle

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelf")]


def rows(model: type[models.Model]) -> list[dict[str, Any]]:
    names = [field.name for field in model._meta.fields if field.name != "id"]
    return sorted(model._default_manager.values(*names), key=str)


def test_a_replay_into_empty_tables_gives_the_live_ones(customer: User) -> None:
    """Whether it comes one by one, in small batches or all at once."""
    for number in range(12):
        scenario = ["", "card_declined", "out_of_stock"][number % 3]
        sku = "lamp" if number % 4 == 0 else "mug"
        orders.place_order(customer, [{"sku": sku, "quantity": 1}], str(uuid4()), scenario=scenario)
    settle()
    for name, model in {"orders": OrderSummary, "stock": StockLevel, "sales": Sales}.items():
        live = rows(model)
        projection = registry.processor(name)
        log = [event for event in read_log(limit=10_000) if event.type in projection.subscriptions]
        for batch_size in (1, 7, 500):
            model._default_manager.all().delete()
            for start in range(0, len(log), batch_size):
                part = log[start : start + batch_size]
                deliveries = [Delivery(name, 1, event, replaying=True) for event in part]
                projection.handler([load(event) for event in part], deliveries)
            assert rows(model) == live, (name, batch_size)
