"""The shop's own checks of ``manage.py verify`` find money, stock and decisions gone wrong."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.db.models import F

from events import orders
from events.domain_events import OrderCancelled
from events.models import OrderSummary
from flowdeck import publish
from flowdeck.testing import settle
from flowdeck.verification import verify
from processors.models import Charge, Stock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelf")]

PLANTED: dict[str, tuple[Callable[[], object], str, str]] = {
    "more was taken than the order is worth": (
        lambda: _charges("confirmed").update(amount=Decimal("99.00")),
        "shop: money taken is the money of confirmed orders",
        "but 99",
    ),
    "a confirmed order that nobody paid": (
        lambda: _charges("confirmed").delete(),
        "shop: money taken is the money of confirmed orders",
        "but 0",
    ),
    "money kept of a cancelled order": (
        lambda: _charges("cancelled").update(refunded=False),
        "shop: money taken is the money of confirmed orders",
        "is cancelled with a total of",
    ),
    "a refund of an order that stands": (
        lambda: _charges("confirmed").update(refunded=True),
        "shop: money taken is the money of confirmed orders",
        "but 0",
    ),
    "money taken for an order that nobody placed": (
        lambda: Charge.objects.create(
            idempotency_key="forged", order_id=987654, amount=1, reference="ch_forged"
        ),
        "shop: money is taken for orders that were placed",
        "ch_forged is for order 987654",
    ),
    "pieces out of nowhere": (
        lambda: Stock.objects.filter(sku="mug").update(available=F("available") + 1),
        "shop: stock is conserved",
        "mug: the warehouse has",
    ),
    "pieces gone": (
        lambda: Stock.objects.filter(sku="lamp").update(available=F("available") - 1),
        "shop: stock is conserved",
        "lamp: the warehouse has",
    ),
    "an order decided twice": (
        lambda: _decide_again(),
        "shop: every order is decided once",
        "was decided 2 times",
    ),
}


def _charges(status: str):  # type: ignore[no-untyped-def]
    decided = OrderSummary.objects.filter(status=status).values("order_id")
    return Charge.objects.filter(order_id__in=decided, declined="")


def _decide_again() -> None:
    order = OrderSummary.objects.get(status="confirmed")
    again = OrderCancelled(order_id=order.order_id, user_id=order.user_id, reason="a second mind")
    publish(again, stream=f"order-{order.order_id}")


@pytest.fixture
def shop(customer: User, shelf: None) -> None:
    """One order confirmed, one cancelled after it was paid."""
    for scenario in ("", "out_of_stock"):
        orders.place_order(
            customer, [{"sku": "mug", "quantity": 1}], str(uuid4()), scenario=scenario
        )
    settle()
    assert set(OrderSummary.objects.values_list("status", flat=True)) == {"confirmed", "cancelled"}
    assert _charges("cancelled").filter(refunded=True).exists()


@pytest.mark.usefixtures("shop")
def test_a_healthy_shop_has_no_violations() -> None:
    assert list(verify()) == []


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(("plant", "check", "detail"), PLANTED.values(), ids=PLANTED.keys())
def test_what_is_not_conserved_is_found(
    plant: Callable[[], object], check: str, detail: str
) -> None:
    plant()
    said = io.StringIO()
    with pytest.raises(SystemExit) as exited:
        call_command("verify", "--json", stdout=said)
    assert exited.value.code == 1
    found = {one["name"]: one["violations"] for one in json.loads(said.getvalue())["checks"]}
    assert any(detail in violation for violation in found[check])


def test_the_database_itself_refuses_to_sell_what_is_not_there() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Stock.objects.filter(sku="mug").update(available=-1)
