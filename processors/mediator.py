"""``mediator``: sees an order through, step by step, in the mediator topology.

A process manager: its state of each order is a row that commits with the request it emits, so it
may die at any point. It reserves first and charges then; what failed later undoes what was done
before. Its patience with an order is a timer, which is cancelled once the order is decided.
"""

from __future__ import annotations

from django.conf import settings

from events.domain_events import (
    MEDIATOR_STREAMS,
    DeadlinePassed,
    InventoryRejected,
    InventoryReleased,
    InventoryReserved,
    Item,
    OrderCancelled,
    OrderConfirmed,
    OrderSubmitted,
    PaymentProcessed,
    PaymentRequested,
    RefundRequested,
    ReleaseRequested,
    ReservationRequested,
)
from flowdeck import Delivery, Event, processor
from processors.models import Mediation

Heard = (
    OrderSubmitted
    | InventoryReserved
    | InventoryRejected
    | PaymentProcessed
    | InventoryReleased
    | DeadlinePassed
)
Asked = (
    DeadlinePassed,
    ReservationRequested,
    PaymentRequested,
    ReleaseRequested,
    RefundRequested,
    OrderConfirmed,
    OrderCancelled,
)
Step = Mediation.Step
TOO_LATE = "The payment took too long."
_PATIENCE = "patience"


@processor("mediator", batch=True, streams=MEDIATOR_STREAMS, emits=Asked, mediates=True)
def mediator(events: list[Heard], deliveries: list[Delivery]) -> None:
    """Ask for each next step of an order; when one fails, undo what was done before."""
    known = Mediation.objects.in_bulk({event.order_id for event in events})
    for event, delivery in zip(events, deliveries, strict=True):
        if isinstance(event, OrderSubmitted):
            known[event.order_id] = _begun(event, delivery)
        order = known[event.order_id]
        for request in _advance(order, event):
            delivery.emit(request)
        if order.ended:
            delivery.cancel(_PATIENCE)
    Mediation.objects.bulk_create(
        known.values(),
        update_conflicts=True,
        unique_fields=["order_id"],
        update_fields=["step", "reason"],
    )


def patience() -> float:
    """Seconds the mediator waits for an order to be decided (setting ``SHOP_PATIENCE``)."""
    return float(getattr(settings, "SHOP_PATIENCE", 15.0))


def _begun(event: OrderSubmitted, delivery: Delivery) -> Mediation:
    delivery.emit(DeadlinePassed(order_id=event.order_id), in_=patience(), timer=_PATIENCE)
    items = [item.model_dump(mode="json") for item in event.items]
    return Mediation(
        order_id=event.order_id,
        user_id=event.user_id,
        total=event.total,
        items=items,
        scenario=event.scenario,
    )


def _advance(order: Mediation, event: Heard) -> list[Event]:
    """What to ask for now; moves ``order`` to the step that waits for the answer."""
    number = order.order_id
    match event, order.step:
        case OrderSubmitted(), _:
            return [
                ReservationRequested(order_id=number, items=_items(order), scenario=order.scenario)
            ]
        case InventoryReserved(), Step.RESERVING:
            order.step = Step.PAYING
            return [PaymentRequested(order_id=number, total=order.total, scenario=order.scenario)]
        case InventoryRejected(), Step.RESERVING:
            return _cancel(order, event.reason)
        case PaymentProcessed(status="success"), Step.PAYING:
            order.step = Step.CONFIRMED
            return [
                OrderConfirmed(
                    order_id=number, user_id=order.user_id, total=order.total, items=_items(order)
                )
            ]
        case PaymentProcessed(status="failed"), Step.PAYING:
            return _release(order, event.reason)
        case InventoryReleased(), Step.RELEASING:
            return _cancel(order, order.reason)
        case _:
            return _late(order, event)


def _late(order: Mediation, event: Heard) -> list[Event]:
    """Deadlines, and answers that came after one: what came too late is undone."""
    match event, order.step:
        case DeadlinePassed(), Step.RESERVING:
            return _cancel(order, "The warehouse took too long.")
        case DeadlinePassed(), Step.PAYING:
            return _release(order, TOO_LATE)
        case PaymentProcessed(status="success"), _:
            return [RefundRequested(order_id=order.order_id)]
        case InventoryReserved(), _:
            return [ReleaseRequested(order_id=order.order_id)]
        case _:
            return []


def _release(order: Mediation, reason: str) -> list[Event]:
    order.step, order.reason = Step.RELEASING, reason
    return [ReleaseRequested(order_id=order.order_id)]


def _cancel(order: Mediation, reason: str) -> list[Event]:
    order.step, order.reason = Step.CANCELLED, reason
    return [OrderCancelled(order_id=order.order_id, user_id=order.user_id, reason=reason)]


def _items(order: Mediation) -> list[Item]:
    return [Item(**item) for item in order.items]
