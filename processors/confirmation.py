"""``confirmation``: joins what payment and inventory say of an order, and decides.

It waits for both, so that what is to be undone is known when an order is cancelled. An order whose
payment became a dead letter stays open until a person has resolved it. It is the broker topology's;
in the other one the mediator decides.
"""

from __future__ import annotations

from uuid import UUID

from events import Delivery, processor
from processors.domain_events import (
    BROKER_STREAMS,
    InventoryRejected,
    InventoryReserved,
    Item,
    OrderCancelled,
    OrderConfirmed,
    OrderCreated,
    PaymentProcessed,
)
from processors.models import Fulfilment

Heard = OrderCreated | PaymentProcessed | InventoryReserved | InventoryRejected
_CHANGING = ["payment", "payment_event", "stock", "stock_event", "reason", "decided"]


@processor(
    "confirmation", batch=True, streams=BROKER_STREAMS, emits=(OrderConfirmed, OrderCancelled)
)
def confirmation(events: list[Heard], deliveries: list[Delivery]) -> None:
    """Confirm an order that is paid and reserved; cancel it if either was refused."""
    known = Fulfilment.objects.in_bulk({event.order_id for event in events})
    for event, delivery in zip(events, deliveries, strict=True):
        if isinstance(event, OrderCreated):
            known.setdefault(event.order_id, _begun(event))
            continue
        order = known[event.order_id]  # OrderCreated came before: same stream
        _note(order, event, delivery.envelope.id)
        if order.payment and order.stock and not order.decided:
            order.decided = True
            _decide(order, delivery)
    Fulfilment.objects.bulk_create(
        known.values(), update_conflicts=True, unique_fields=["order_id"], update_fields=_CHANGING
    )


def _begun(event: OrderCreated) -> Fulfilment:
    items = [item.model_dump(mode="json") for item in event.items]
    return Fulfilment(
        order_id=event.order_id, user_id=event.user_id, total=event.total, items=items
    )


def _note(order: Fulfilment, event: Heard, event_id: UUID) -> None:
    if isinstance(event, PaymentProcessed):
        order.payment, order.payment_event = event.status, event_id
        order.reason = order.reason or event.reason
    elif isinstance(event, InventoryReserved):
        order.stock, order.stock_event = "reserved", event_id
    elif isinstance(event, InventoryRejected):
        order.stock, order.stock_event = "rejected", event_id
        order.reason = order.reason or event.reason


def _decide(order: Fulfilment, delivery: Delivery) -> None:
    others = (order.payment_event, order.stock_event)
    also = tuple(cause for cause in others if cause and cause != delivery.envelope.id)
    if (order.payment, order.stock) == ("success", "reserved"):
        items = [Item(**item) for item in order.items]
        delivery.emit(
            OrderConfirmed(
                order_id=order.order_id, user_id=order.user_id, total=order.total, items=items
            ),
            also_caused_by=also,
        )
    else:
        delivery.emit(
            OrderCancelled(order_id=order.order_id, user_id=order.user_id, reason=order.reason),
            also_caused_by=also,
        )
