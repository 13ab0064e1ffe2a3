"""Invariant 8, once more: a projection that is declared while orders come in has no seam."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from events import orders
from events.domain_events import (
    InventoryReplenished,
    InventoryReserved,
    OrderConfirmed,
    OrderCreated,
    PaymentProcessed,
)
from events.models import OrderSummary, Product
from flowdeck import Delivery, projection, publish
from flowdeck.declare.registry import registry
from flowdeck.engine import lanes
from flowdeck.engine.drain import drain
from flowdeck.log.positions import newest_position
from flowdeck.models import Delivery as Row
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.guarantees.test_replayable import differing, in_the_background, rows, run
from tests.polling import eventually
from tests.probe.models import Tally

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "probe.newcomer"
RATE = 30  # orders a second
BEFORE, AFTER = 15, 15  # orders placed before it is declared, and at least so many after

Step = OrderCreated | PaymentProcessed | InventoryReserved | OrderConfirmed
DIGITS = {"OrderCreated": 1, "PaymentProcessed": 2, "InventoryReserved": 3, "OrderConfirmed": 4}


def declare() -> None:
    """A row per stream, whose number has a digit for each event, in order: 1234."""

    @projection(NAME, model=Tally)
    def newcomer(event: Step, delivery: Delivery) -> None:
        row, _ = Tally.objects.get_or_create(stream=delivery.envelope.stream)
        row.count = row.count * 10 + DIGITS[delivery.envelope.type]
        row.save()


@pytest.fixture
def customer() -> Iterator[User]:
    Product.objects.create(sku="mug", name="Mug", price=Decimal("14.00"))
    publish(InventoryReplenished(sku="mug", quantity=10_000), stream="product-mug")
    settle()
    yield User.objects.create_user("customer")
    registry.remove_processor(NAME)
    lanes.forget_created()


@pytest.mark.crowd
def test_a_projection_declared_under_load_catches_up_and_goes_live(customer: User) -> None:
    began, waiting = time.monotonic(), threading.Event()
    shop = [p for name, p in sorted(registry.processors.items()) if not name.startswith("probe.")]

    def order(n: int) -> None:
        waiting.wait(max(0.0, began + n / RATE - time.monotonic()))
        orders.place_order(customer, [{"sku": "mug", "quantity": 1}], f"key-{n}")

    def work(n: int) -> None:
        drain(shop[n % len(shop)])

    with in_the_background(order), in_the_background(work):
        eventually(lambda: OrderSummary.objects.count() >= BEFORE)
        declare()
        declared = newest_position()
        late = Row.objects.filter(
            processor=NAME, state="done", event__type="OrderCreated", event_id__gt=declared
        )
        eventually(lambda: drain(registry.processor(NAME)) and late.count() >= AFTER)
    settle()
    live = rows(Tally)
    assert len(live) == OrderSummary.objects.count() >= BEFORE + AFTER
    assert {row["count"] for row in live} <= {1234, 1324}
    assert differing(run("verify", NAME)) == 0
    Tally.objects.all().delete()
    assert differing(run("rebuild", NAME)) == len(live)
    assert rows(Tally) == live
    assert list(verify()) == []
