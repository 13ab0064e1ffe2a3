"""Placing orders."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection

from events import orders
from events.models import Checkout
from flowdeck.models import Event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelf")]

MUG = [{"sku": "mug", "quantity": 1}]


def placed() -> int:
    return Event.objects.filter(type="OrderCreated").count()


def test_an_order_is_an_event_with_the_shops_prices(customer: User) -> None:
    order = orders.place_order(customer, [*MUG, {"sku": "lamp", "quantity": 2}], "key-1")
    event = Event.objects.get(type="OrderCreated")
    assert event.stream == f"order-{order.order_id}"
    assert event.correlation_id == order.correlation_id
    assert event.data["total"] == "132.00"
    assert event.data["reference"] == "key-1"


def test_a_double_click_places_one_order(customer: User) -> None:
    first = orders.place_order(customer, MUG, "key-1")
    second = orders.place_order(customer, MUG, "key-1")
    assert (first.created, second.created) == (True, False)
    assert first.order_id == second.order_id
    assert placed() == 1


def test_at_the_same_moment_too(customer: User) -> None:
    start, results = threading.Barrier(4), list[orders.PlacedOrder]()

    def click() -> None:
        try:
            start.wait(10)
            results.append(orders.place_order(customer, MUG, "key-1"))
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({result.order_id for result in results}) == 1
    assert sum(result.created for result in results) == 1
    assert len(results) == 4
    assert placed() == 1


def test_a_key_belongs_to_one_order_of_one_customer(customer: User) -> None:
    orders.place_order(customer, MUG, "key-1")
    with pytest.raises(orders.KeyReused, match="new key for a new order"):
        orders.place_order(customer, [{"sku": "lamp", "quantity": 1}], "key-1")
    other = User.objects.create_user("other")
    assert orders.place_order(other, MUG, "key-1").created


BAD: dict[str, tuple[Any, str, str | None, str]] = {
    "empty cart": ([], "k", None, "cart is empty"),
    "unknown product": ([{"sku": "yacht", "quantity": 1}], "k", None, "no product 'yacht'"),
    "none": ([{"sku": "mug", "quantity": 0}], "k", None, "1 to 99, not 0"),
    "negative": ([{"sku": "mug", "quantity": -1}], "k", None, "1 to 99, not -1"),
    "too many": ([{"sku": "mug", "quantity": 10**9}], "k", None, "1 to 99, not 1000000000"),
    "not a number": ([{"sku": "mug", "quantity": "2"}], "k", None, "whole number"),
    "yes": ([{"sku": "mug", "quantity": True}], "k", None, "whole number"),
    "missing": ([{"sku": "mug"}], "k", None, "whole number"),
    "many lines": (MUG * 51, "k", None, "at most 50 lines"),
    "no key": (MUG, "", None, "idempotency key"),
    "long key": (MUG, "k" * 101, None, "idempotency key"),
    "unknown scenario": (MUG, "k", "earthquake", "no scenario 'earthquake'"),
}


def test_bad_input_is_refused_and_nothing_written(customer: User) -> None:
    for items, key, scenario, message in BAD.values():
        with pytest.raises(orders.OrderRefused, match=message):
            orders.place_order(customer, items, key, scenario=scenario)
        assert placed() == 0, message
        assert not Checkout.objects.exists(), message


def test_scenarios_are_refused_outside_of_demo_mode(customer: User, settings: Any) -> None:
    settings.DEMO = False
    with pytest.raises(orders.OrderRefused, match="demo mode only"):
        orders.place_order(customer, MUG, str(uuid4()), scenario="slow")
