"""The mediator topology: same outcome as the broker's, and nothing lost wherever it dies."""

from __future__ import annotations

import os
import random
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from events import orders
from events.domain_events import InventoryReplenished
from events.models import OrderSummary, Product
from flowdeck import Reject, publish
from flowdeck.declare.registry import registry
from flowdeck.engine import batch, drain, settling
from flowdeck.letters import dead_letters
from flowdeck.models import Attempt, Delivery, Event, Lane, ProcessInstance
from flowdeck.testing import settle
from flowdeck.verification import verify
from lab import injection
from lab.switched_faults import switch_off, switch_on
from processors.models import Charge, Reservation, Stock
from tests.guarantees.forked import in_a_process

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelf")]
MUG = [{"sku": "mug", "quantity": 1}]
SCENARIOS = ("", "declined_at_once", "sold_out_at_once", "provider_down")


def place(customer: User, scenario: str = "") -> int:
    placed = orders.place_order(
        customer, MUG, str(uuid4()), scenario=scenario, topology=orders.MEDIATOR
    )
    return placed.order_id


def until_payment_is_asked_for() -> None:
    for name in ("mediator", "inventory", "mediator"):
        drain.drain(registry.processor(name))


def types_of(order_id: int) -> list[str]:
    found = Event.objects.filter(stream=f"mediated-{order_id}").order_by("sequence")
    return list(found.values_list("type", flat=True))


def test_the_mediator_asks_for_each_step(customer: User) -> None:
    order_id = place(customer)
    settle()
    assert OrderSummary.objects.get(order_id=order_id).status == "confirmed"
    assert types_of(order_id) == [
        "OrderSubmitted",
        "ReservationRequested",
        "InventoryReserved",
        "PaymentRequested",
        "PaymentProcessed",
        "OrderConfirmed",
        "NotificationSent",
    ]
    assert not list(verify())


def test_a_declined_card_is_undone_before_the_order_is_cancelled(customer: User) -> None:
    order_id = place(customer, "card_declined")
    settle()
    assert types_of(order_id)[4:7] == ["PaymentProcessed", "ReleaseRequested", "InventoryReleased"]
    summary = OrderSummary.objects.get(order_id=order_id)
    assert summary.status == "cancelled"
    assert "declined" in summary.reason
    assert Stock.objects.get(sku="mug").available == 10


def test_what_is_sold_out_is_never_charged(customer: User) -> None:
    order_id = place(customer, "out_of_stock")
    settle()
    assert OrderSummary.objects.get(order_id=order_id).status == "cancelled"
    assert not Charge.objects.exists()


def test_each_topology_leaves_the_other_ones_orders_alone(customer: User) -> None:
    orders.place_order(customer, MUG, str(uuid4()))
    place(customer)
    settle()
    of = {
        name: set(Delivery.objects.filter(processor=name).values_list("event__stream", flat=True))
        for name in ("confirmation", "mediator")
    }
    assert all(stream.startswith("order-") for stream in of["confirmation"])
    assert all(stream.startswith("mediated-") for stream in of["mediator"])


def test_an_order_that_takes_too_long_is_undone(customer: User, settings: Any) -> None:
    settings.SHOP_PATIENCE = 0.0
    order_id = place(customer, "poison")
    until_payment_is_asked_for()
    settle()
    summary = OrderSummary.objects.get(order_id=order_id)
    assert (summary.status, summary.stock) == ("cancelled", "reserved")
    assert Reservation.objects.get(order_id=order_id).released
    assert not list(verify())


def test_money_that_came_too_late_is_given_back(
    customer: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise Reject("the provider is away")

    settings.SHOP_PATIENCE = 0.0
    with monkeypatch.context() as outage:
        outage.setattr("processors.gateway.charge", away)
        order_id = place(customer)
        until_payment_is_asked_for()
        settle()
    assert OrderSummary.objects.get(order_id=order_id).status == "cancelled"
    dead = Delivery.objects.get(state="dead", event__type="PaymentRequested")
    dead_letters.retry([dead.letter], by="operator", reason="it is back")
    settle()
    assert Charge.objects.get(order_id=order_id).refunded
    assert types_of(order_id).count("PaymentRefunded") == 1
    assert not list(verify())


def test_both_topologies_have_the_same_outcome(customer: User, settings: Any) -> None:
    """Random orders under random faults: each decided the same way, money and stock conserved.

    ``TOPOLOGY_ORDERS=1000`` takes that many instead, ``TOPOLOGY_SEED`` other ones.
    """
    settings.SHOP_PATIENCE = 3600.0
    draw = random.Random(int(os.environ.get("TOPOLOGY_SEED", "7")))
    publish(InventoryReplenished(sku="mug", quantity=9_000), stream="product-mug")
    settle()
    Product.objects.filter(sku="mug").update(price=Decimal("2.50"))
    drawn = [
        ([{"sku": "mug", "quantity": draw.randint(1, 3)}], draw.choice(SCENARIOS))
        for _ in range(int(os.environ.get("TOPOLOGY_ORDERS", "15")))
    ]
    injection.install()
    kinds = draw.sample(["fail_often", "twice"] * 3, 6)
    names = ("mediator", "confirmation", "payment", "inventory", "notification", "orders")
    for name, kind in zip(names, kinds, strict=True):
        switch_on(customer, name, kind, amount=50, seconds=600)
    placed = [orders.place_many(customer, drawn, topology) for topology in orders.TOPOLOGIES]
    settle()
    switch_off(customer)
    assert retried_until_none_is_dead()
    settle()
    both = zip(*map(outcomes, placed), drawn, strict=True)
    assert not [one for one in both if one[0] != one[1]]
    assert {status for status, _, _ in outcomes(placed[0])} == {"confirmed", "cancelled"}
    assert not list(verify())


def retried_until_none_is_dead() -> int:
    """How often: the provider may leave calls unanswered after the other faults are over too."""
    for times in range(6):
        dead = list(Delivery.objects.filter(state="dead").values_list("letter", flat=True))
        if not dead:
            return times
        dead_letters.retry(dead, by="operator", reason="the faults are over")
        settle()
    raise AssertionError(f"These deliveries stay dead: {dead}")


def outcomes(order_ids: list[int]) -> list[tuple[str, Decimal, bool]]:
    """Of each order: its status, the money kept, and whether its items are."""
    status = dict(OrderSummary.objects.values_list("order_id", "status"))
    money = dict(
        Charge.objects.filter(declined="", refunded=False).values_list("order_id", "amount")
    )
    kept = set(Reservation.objects.filter(released=False).values_list("order_id", flat=True))
    return [(status[i], money.get(i, Decimal(0)), i in kept) for i in order_ids]


@pytest.mark.parametrize(
    "step",
    ["append", "finish", *(pytest.param(one, marks=pytest.mark.long) for one in ("take", "tell"))],
)
def test_killed_anywhere_it_loses_nothing(customer: User, step: str) -> None:
    order_ids = [place(customer, scenario) for scenario in ("", "card_declined")]

    def killed() -> None:
        where = settling if step == "append" else batch
        real = getattr(where, step)

        def dies(*args: object, **kwargs: object) -> None:
            real(*args, **kwargs)
            os._exit(9)

        setattr(where, step, dies)
        drain.drain(registry.processor("mediator"))

    for _ in range(12):
        for other in ("inventory", "payment"):
            drain.drain(registry.processor(other))
        code = in_a_process(killed)
        Lane.objects.update(claims=0)  # each death is the machine's, not the handler's
        drain.drain(registry.processor("mediator"))
        if code != 9:
            break
    settle()
    assert [s for s, _, _ in outcomes(order_ids)] == ["confirmed", "cancelled"]
    assert not Attempt.objects.exists()
    assert not ProcessInstance.objects.filter(process="mediator", ended_at=None).exists()
    assert not list(verify())
