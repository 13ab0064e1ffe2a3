"""Witnesses: one processor for each way of running a handler, listening to whole orders.

Their effects tell afterwards whether each event of an order was handled once, and in order. They
fail now and then, as the event's position says, so that retries happen under fire too.
"""

from __future__ import annotations

import sys

from django.conf import settings

from drill.events import Witnessed
from drill.models import Testimony
from drill.settings import EXITS
from events.domain_events import (
    InventoryRejected,
    InventoryReserved,
    OrderCancelled,
    OrderConfirmed,
    OrderCreated,
    PaymentProcessed,
)
from flowdeck import Delivery, Retry, processor

Seen = (
    OrderCreated
    | PaymentProcessed
    | InventoryReserved
    | InventoryRejected
    | OrderConfirmed
    | OrderCancelled
)
# Far more attempts than a flaky event needs: a dead letter of a witness is a finding.
SOON = Retry(max_attempts=8, base=0.2, cap=2.0)
_EXITS = settings.FLOWDECK_HOME / EXITS
_FLAKY = 41  # one event in so many fails at its first two attempts


class Flaky(Exception):
    """The witness fails because the drill wants it to."""


def waver(delivery: Delivery) -> None:
    """Fail if this is one of the events that do so; exit if handlers do so now."""
    if delivery.attempt <= 2 and _EXITS.exists():
        sys.exit("the drill wants it")
    if delivery.envelope.position % _FLAKY == 0 and delivery.attempt <= 2:
        raise Flaky(f"attempt {delivery.attempt} at event {delivery.envelope.position}")


def testimony(delivery: Delivery) -> Testimony:
    """The row for a delivery."""
    envelope = delivery.envelope
    return Testimony(
        processor=delivery.processor, stream=envelope.stream, sequence=envelope.sequence
    )


@processor("witness.atomic", retry=SOON)
def atomic(event: Seen, delivery: Delivery) -> None:
    """Writes through the ORM, one row at a time."""
    testimony(delivery).save()
    waver(delivery)


@processor("witness.batch", retry=SOON, batch=True)
def batch(events: list[Seen], deliveries: list[Delivery]) -> None:
    """Writes through the ORM, a batch at a time."""
    Testimony.objects.bulk_create([testimony(delivery) for delivery in deliveries])
    for delivery in deliveries:
        waver(delivery)


@processor("witness.leased", retry=SOON, atomic=False)
def leased(event: Seen, delivery: Delivery) -> Witnessed:
    """Runs outside of any transaction, so its effect is the event that it returns."""
    waver(delivery)
    return Witnessed(sequence=delivery.envelope.sequence)
