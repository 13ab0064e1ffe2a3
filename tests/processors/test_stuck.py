"""An order that nobody decides is told of, once, and one that is decided is not."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from events import orders
from flowdeck.models import Event, Timer
from flowdeck.testing import passes, settle
from flowdeck.verification import verify

MUG = [{"sku": "mug", "quantity": 1}]
pytestmark = pytest.mark.django_db(transaction=True)


def test_an_order_that_nobody_decides_is_told_of(customer: User, shelf: None) -> None:
    stuck, _, _ = orders.place_many(customer, [(MUG, "poison"), (MUG, ""), (MUG, "card_declined")])
    settle()
    (timer,) = Timer.objects.filter(ended_at=None, type="stuck-order.WindowClosed")
    assert timer.stream == f"order-{stuck}", "the others are decided"
    passes(seconds=11 * 60)
    (told,) = Event.objects.filter(type="OrderStalled")
    created = Event.objects.get(type="OrderCreated", stream=told.stream)
    assert (told.data["order_id"], told.stream) == (stuck, f"order-{stuck}")
    assert told.metadata["also_caused_by"] == [str(created.id)]
    assert told.correlation_id == created.correlation_id
    assert not list(verify())
