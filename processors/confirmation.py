"""``confirmation``: joins what payment and inventory say of an order, and decides.

It keeps nothing of its own: the order is decided from its stream (:mod:`order_decisions`), and
what is decided is appended on condition that the stream has not grown meanwhile. It waits for both
answers, so that what is to be undone is known when an order is cancelled. An order whose payment
became a dead letter stays open until a person has resolved it. It is the broker topology's; in the
other one the mediator decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from events.domain_events import (
    BROKER_STREAMS,
    InventoryRejected,
    InventoryReserved,
    OrderCancelled,
    OrderConfirmed,
    PaymentProcessed,
)
from events.order_decisions import Order, Settle, decide, evolve
from flowdeck import Delivery, StoredEvent, load, processor, read_streams

Heard = PaymentProcessed | InventoryReserved | InventoryRejected


@processor(
    "confirmation", batch=True, streams=BROKER_STREAMS, emits=(OrderConfirmed, OrderCancelled)
)
def confirmation(events: list[Heard], deliveries: list[Delivery]) -> None:
    """Confirm an order that is paid and reserved; cancel it if either was refused."""
    heard: defaultdict[str, dict[int, Delivery]] = defaultdict(dict)
    for delivery in deliveries:
        heard[delivery.envelope.stream][delivery.envelope.sequence] = delivery
    for stream, history in read_streams(heard).items():
        _decide(history, heard[stream])


def _decide(history: Sequence[StoredEvent], heard: dict[int, Delivery]) -> None:
    """Decide at the first event heard that makes it possible, unless somebody has meanwhile."""
    steps = [(stored, load(stored)) for stored in history]
    if any(isinstance(event, OrderConfirmed | OrderCancelled) for _, event in steps):
        return
    order, answers = Order(), {}
    for stored, event in steps:
        order = evolve(order, event)
        if isinstance(event, Heard):
            answers[isinstance(event, PaymentProcessed)] = stored.id
        if stored.sequence not in heard:
            continue
        for decided in decide(order, Settle()):
            delivery, others = heard[stored.sequence], {*answers.values()} - {stored.id}
            delivery.emit(
                decided, also_caused_by=tuple(others), expected_sequence=history[-1].sequence
            )
            return
