"""Placing orders over the API: what is taken, and how the rest is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from events.domain_events import InventoryReplenished
from events.models import Checkout, Product
from flowdeck import publish
from flowdeck.models import Event
from flowdeck.testing import settle
from tests.flowdeck.api.conftest import Caller

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelf")]


@pytest.fixture
def shelf(settings: Any) -> None:
    settings.DEMO = True
    Product.objects.create(sku="mug", name="Mug", price=Decimal("14.00"))
    publish(InventoryReplenished(sku="mug", quantity=10), stream="product-mug")
    settle()


def nothing_was_placed() -> bool:
    return not Checkout.objects.exists() and not Event.objects.filter(type="OrderCreated").exists()


def test_products_have_price_and_stock(customer: Caller) -> None:
    (mug,) = customer.get("/products").json()
    assert mug == {"sku": "mug", "name": "Mug", "price": "14.00", "stock": 10}


def test_an_order_goes_its_way(customer: Caller) -> None:
    answer = customer.order(("mug", 2))
    assert answer.status_code == 201
    placed = answer.json()
    assert set(placed) == {"order_id", "correlation_id"}
    settle()
    order = customer.get(f"/orders/{placed['order_id']}").json()
    assert (order["status"], order["total"]) == ("confirmed", "28.00")
    trace = customer.get(f"/traces/{placed['correlation_id']}").json()
    assert {"OrderCreated", "OrderConfirmed"} <= {event["type"] for event in trace["events"]}
    assert customer.get("/products").json()[0]["stock"] == 8


def test_a_resend_gets_the_first_answer(customer: Caller) -> None:
    first, second = customer.order(("mug", 1)), customer.order(("mug", 1))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert customer.order(("mug", 2)).status_code == 409
    assert Checkout.objects.count() == 1


BODIES: dict[str, tuple[Any, int, str]] = {
    "empty cart": ({"items": []}, 422, "cart is empty"),
    "unknown product": ({"items": [{"sku": "yacht", "quantity": 1}]}, 422, "no product 'yacht'"),
    "zero": ({"items": [{"sku": "mug", "quantity": 0}]}, 422, "1 to 99, not 0"),
    "negative": ({"items": [{"sku": "mug", "quantity": -1}]}, 422, "1 to 99, not -1"),
    "huge": ({"items": [{"sku": "mug", "quantity": 10**9}]}, 422, "1 to 99"),
    "a word": ({"items": [{"sku": "mug", "quantity": "two"}]}, 422, "quantity"),
    "a fraction": ({"items": [{"sku": "mug", "quantity": 1.5}]}, 422, "quantity"),
    "null": ({"items": None}, 422, "items"),
    "no items": ({}, 422, "items"),
    "a list": ([], 422, "order"),
    "more fields": ({"items": [], "price": 0}, 422, "price"),
    "unknown scenario": (
        {"items": [{"sku": "mug", "quantity": 1}], "scenario": "quake"},
        422,
        "no scenario",
    ),
    "not JSON": ("{", 400, "Cannot parse"),
    "1 MB": ({"items": [{"sku": "x" * 1_000_000, "quantity": 1}]}, 413, "too large"),
    "a NUL": ({"items": [{"sku": "mug\x00", "quantity": 1}]}, 422, "no product"),
    "half a character": ({"items": [{"sku": "mug\ud800", "quantity": 1}]}, 422, "valid string"),
}


def test_bad_input_is_refused_with_a_message_and_nothing_written(customer: Caller) -> None:
    for what, (body, status, message) in BODIES.items():
        answer = customer.post("/orders", body, Idempotency_Key="key-1")
        assert answer.status_code == status, (what, answer.content)
        assert message in answer.json()["detail"], what
        assert nothing_was_placed(), what


def test_an_order_needs_an_idempotency_key(customer: Caller) -> None:
    answer = customer.post("/orders", {"items": [{"sku": "mug", "quantity": 1}]})
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail"]
    assert nothing_was_placed()


def test_others_orders_do_not_exist(customer: Caller, other: Caller, operator: Caller) -> None:
    order_id = customer.order(("mug", 1)).json()["order_id"]
    settle()
    assert other.get(f"/orders/{order_id}").status_code == 404
    assert other.get("/orders/999999999").status_code == 404
    assert operator.get(f"/orders/{order_id}").status_code == 200
    assert customer.get(f"/orders/{order_id}").status_code == 200


def test_the_wrong_method_is_named(customer: Caller) -> None:
    assert customer.get("/orders").status_code == 405


def test_an_order_may_go_through_the_mediator(customer: Caller, settings: Any) -> None:
    placed = customer.order(("mug", 1), topology="mediator")
    assert placed.status_code == 201
    settle()
    order_id = placed.json()["order_id"]
    assert customer.get(f"/orders/{order_id}").json()["status"] == "confirmed"
    assert customer.order(("mug", 1), key="k", topology="committee").status_code == 422
    settings.DEMO = False
    assert customer.order(("mug", 1), key="l", topology="mediator").status_code == 422


def test_an_open_order_can_be_cancelled_and_a_decided_one_not(
    customer: Caller, other: Caller
) -> None:
    order_id = customer.order(("mug", 1)).json()["order_id"]
    assert other.post(f"/orders/{order_id}/cancel", {}).status_code == 409
    assert customer.post(f"/orders/{order_id}/cancel", {}).status_code == 204
    settle()
    assert customer.get(f"/orders/{order_id}").json()["status"] == "cancelled"
    again = customer.post(f"/orders/{order_id}/cancel", {})
    assert again.status_code == 409
    assert "cancelled already" in again.json()["detail"]
