"""What becomes of an order, from the event it begins with to the last notification."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from events import orders
from events.domain_events import (
    InventoryRejected,
    InventoryReserved,
    Item,
    OrderCreated,
    PaymentProcessed,
)
from events.models import Notification, OrderSummary, Sales, StockLevel
from flowdeck import publish
from flowdeck.letters import dead_letters
from flowdeck.models import Delivery as DeliveryRow
from flowdeck.models import Event
from flowdeck.testing import settle
from flowdeck.verification import verify
from processors.models import Charge, Stock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelf")]


def order(customer: User, scenario: str = "", sku: str = "mug", quantity: int = 1) -> OrderSummary:
    """Place an order and let everything happen that it sets off."""
    items = [{"sku": sku, "quantity": quantity}]
    placed = orders.place_order(customer, items, str(uuid4()), scenario=scenario)
    settle()
    return OrderSummary.objects.get(order_id=placed.order_id)


def types_of(summary: OrderSummary) -> list[str]:
    stream = Event.objects.filter(stream=f"order-{summary.order_id}")
    return list(stream.order_by("sequence").values_list("type", flat=True))


def available(sku: str = "mug") -> int:
    assert Stock.objects.get(sku=sku).available == StockLevel.objects.get(sku=sku).available
    return Stock.objects.get(sku=sku).available


def money() -> Decimal:
    return sum((c.amount for c in Charge.objects.filter(declined="", refunded=False)), Decimal(0))


def test_a_good_order_is_paid_reserved_confirmed_and_notified(customer: User) -> None:
    summary = order(customer, quantity=2)
    assert summary.status == "confirmed"
    assert set(types_of(summary)) == {
        "OrderCreated",
        "PaymentProcessed",
        "InventoryReserved",
        "OrderConfirmed",
        "NotificationSent",
    }
    assert available() == 8
    assert money() == Decimal("28.00")
    assert Notification.objects.get().subject == f"Order {summary.order_id} is confirmed"
    assert Sales.objects.get().revenue == Decimal("28.00")


def test_its_trace_tells_who_caused_what(customer: User) -> None:
    summary = order(customer)
    events = {e.type: e for e in Event.objects.filter(correlation_id=summary.correlation_id)}
    created = events["OrderCreated"]
    assert created.causation_id is None
    assert events["PaymentProcessed"].causation_id == created.id
    assert events["InventoryReserved"].causation_id == created.id
    confirmed = events["OrderConfirmed"]
    joined = {str(confirmed.causation_id), *confirmed.metadata["also_caused_by"]}
    assert joined == {str(events["PaymentProcessed"].id), str(events["InventoryReserved"].id)}
    assert events["NotificationSent"].causation_id == confirmed.id


def test_a_declined_card_cancels_and_releases(customer: User) -> None:
    summary = order(customer, "card_declined")
    assert summary.status == "cancelled"
    assert "declined" in summary.reason
    assert "InventoryReleased" in types_of(summary)
    assert "PaymentRefunded" not in types_of(summary)
    assert (available(), money()) == (10, 0)
    assert Notification.objects.get().subject.endswith("was cancelled")


def test_out_of_stock_cancels_and_refunds(customer: User) -> None:
    summary = order(customer, sku="lamp", quantity=4)
    assert summary.status == "cancelled"
    assert "only 3 are left" in summary.reason
    assert "PaymentRefunded" in types_of(summary)
    assert "InventoryReleased" not in types_of(summary)
    assert (available("lamp"), money()) == (3, 0)


def test_a_provider_that_is_down_is_tried_until_it_is_back(customer: User) -> None:
    summary = order(customer, "provider_down")
    assert summary.status == "confirmed"
    payment = DeliveryRow.objects.get(processor="payment", event__type="OrderCreated")
    assert (payment.state, payment.attempts) == ("done", 4)
    assert {failure.error for failure in payment.failures.all()} == {"GatewayUnavailable"}
    assert money() == Decimal("14.00")


def test_a_poison_message_is_a_dead_letter_and_others_go_on(customer: User) -> None:
    stuck = order(customer, "poison")
    assert stuck.status == "open"
    assert DeliveryRow.objects.get(state="dead").failures.count() == 5
    assert order(customer).status == "confirmed"
    dead_letters.discard(
        [dead_letters.dead().get().letter], by="operator", reason="card unreadable"
    )
    settle()
    assert list(verify()) == []


def test_stock_is_never_oversold(customer: User) -> None:
    for _ in range(7):
        orders.place_order(customer, [{"sku": "lamp", "quantity": 1}], str(uuid4()))
    settle()
    states = sorted(OrderSummary.objects.values_list("status", flat=True))
    assert states == ["cancelled"] * 4 + ["confirmed"] * 3
    assert available("lamp") == 0
    assert money() == 3 * Decimal("59.00")


def test_many_orders_at_once_leave_nothing_open_and_nothing_wrong(customer: User) -> None:
    wanted = [
        ([{"sku": "mug", "quantity": 1}], "card_declined" if n % 5 == 0 else "") for n in range(30)
    ]
    orders.place_many(customer, wanted)
    settle()
    assert not OrderSummary.objects.filter(status="open").exists()
    confirmed = OrderSummary.objects.filter(status="confirmed").count()
    assert 0 < confirmed <= 10
    assert available() == 10 - confirmed
    assert money() == confirmed * Decimal("14.00")
    assert list(verify()) == []


@pytest.mark.parametrize("payment_first", [True, False])
@pytest.mark.parametrize("paid", [True, False])
@pytest.mark.parametrize("in_stock", [True, False])
def test_whatever_comes_first_the_decision_is_the_same(
    customer: User, paid: bool, in_stock: bool, payment_first: bool
) -> None:
    """``confirmation`` alone, told in both orders, and each thing twice."""
    items = [Item(sku="mug", quantity=1, price=Decimal("14.00"))]
    answer = PaymentProcessed(
        order_id=7, amount=Decimal("14.00"), status="success" if paid else "failed", reason="no"
    )
    stock = (
        InventoryReserved(order_id=7, items=items)
        if in_stock
        else InventoryRejected(order_id=7, sku="mug", reason="none left")
    )
    told = [answer, stock] if payment_first else [stock, answer]
    created = OrderCreated(order_id=7, user_id=customer.pk, total=Decimal("14.00"), items=items)
    publish(created, *told, *told, stream="order-7")
    settle()
    # The shop's own payment and inventory answer too: whatever they say comes later.
    decided = Event.objects.filter(type__in=["OrderConfirmed", "OrderCancelled"], stream="order-7")
    assert decided.count() == 1
    expected = "OrderConfirmed" if paid and in_stock else "OrderCancelled"
    assert decided.get().type == expected
