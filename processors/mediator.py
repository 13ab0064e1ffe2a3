"""``mediator``: sees an order through, step by step, in the mediator topology.

A process manager: its state of each order is a row that commits with the request it emits, so it
may die at any point. It reserves first and charges then; what failed later undoes what was done
before. ``deadlines`` is its clock: a delivery that sleeps in the database until its time has come.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings

from events.domain_events import (
    MEDIATOR_STREAMS,
    DeadlinePassed,
    DeadlineSet,
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
from flowdeck import Delivery, Event, Snooze, processor
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
    DeadlineSet,
    ReservationRequested,
    PaymentRequested,
    ReleaseRequested,
    RefundRequested,
    OrderConfirmed,
    OrderCancelled,
)
Step = Mediation.Step
TOO_LATE = "The payment took too long."
_LOOK = 1.0  # seconds after which a sleeping deadline looks whether it is still needed


@processor("mediator", batch=True, streams=MEDIATOR_STREAMS, emits=Asked, mediates=True)
def mediator(events: list[Heard], deliveries: list[Delivery]) -> None:
    """Ask for each next step of an order; when one fails, undo what was done before."""
    known = Mediation.objects.in_bulk({event.order_id for event in events})
    for event, delivery in zip(events, deliveries, strict=True):
        if isinstance(event, OrderSubmitted):
            known[event.order_id] = _begun(event, delivery)
        for request in _advance(known[event.order_id], event):
            delivery.emit(request)
    Mediation.objects.bulk_create(
        known.values(),
        update_conflicts=True,
        unique_fields=["order_id"],
        update_fields=["step", "reason"],
    )


@processor("deadlines", streams=MEDIATOR_STREAMS)
def deadlines(event: DeadlineSet) -> DeadlinePassed | None:
    """Sleep until an order is decided or its time is over."""
    if Mediation.objects.get(order_id=event.order_id).ended:
        return None
    left = (event.due - datetime.now(UTC)).total_seconds()
    if left > 0:
        raise Snooze(min(left, _LOOK))
    return DeadlinePassed(order_id=event.order_id)


def patience() -> float:
    """Seconds the mediator waits for an order to be decided (setting ``SHOP_PATIENCE``)."""
    return float(getattr(settings, "SHOP_PATIENCE", 15.0))


def _begun(event: OrderSubmitted, delivery: Delivery) -> Mediation:
    due = delivery.envelope.recorded_at + timedelta(seconds=patience())
    delivery.emit(DeadlineSet(order_id=event.order_id, due=due))
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
