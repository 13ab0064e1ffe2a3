"""What is decided about an order: pure functions of its own events, and of nothing else.

Load the events of its stream, :func:`fold` them, :func:`decide`, and append what that gives with
``expected_sequence``. Whoever decided on an older stream is refused by the head's row and decides
again; no lock is held meanwhile, and an order is decided once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from events.domain_events import (
    InventoryRejected,
    InventoryReleased,
    InventoryReserved,
    Item,
    NotificationSent,
    OrderCancelled,
    OrderConfirmed,
    OrderCreated,
    OrderSubmitted,
    PaymentProcessed,
    PaymentRefunded,
)
from flowdeck import Event


@dataclass(frozen=True, slots=True)
class Order:
    """An order as its events made it. ``reason`` is the first refusal, or why it was cancelled."""

    order_id: int = 0
    user_id: int = 0
    status: Literal["unknown", "open", "confirmed", "cancelled"] = "unknown"
    total: Decimal = Decimal(0)
    items: tuple[Item, ...] = ()
    payment: Literal["", "success", "failed", "refunded"] = ""
    payment_ref: str = ""
    stock: Literal["", "reserved", "rejected", "released"] = ""
    reason: str = ""
    notified: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settle:
    """Confirm or cancel, if payment and warehouse have both answered."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The customer wants the order no more."""

    reason: str


class NotPossible(Exception):
    """The order can't do that (any more). The message is for the customer."""


def evolve(order: Order, event: Event) -> Order:
    """The order after ``event``. Events that say nothing about it leave it as it is."""
    match event:
        case OrderCreated() | OrderSubmitted():
            return replace(
                order,
                order_id=event.order_id,
                user_id=event.user_id,
                status="open",
                total=event.total,
                items=tuple(event.items),
            )
        case PaymentProcessed():
            reason = order.reason or event.reason
            return replace(
                order, payment=event.status, payment_ref=event.provider_ref, reason=reason
            )
        case InventoryReserved():
            return replace(order, stock="reserved")
        case InventoryRejected():
            return replace(order, stock="rejected", reason=order.reason or event.reason)
        case OrderConfirmed():
            return replace(order, status="confirmed")
        case OrderCancelled():
            return replace(order, status="cancelled", reason=event.reason)
    return _afterwards(order, event)


def _afterwards(order: Order, event: Event) -> Order:
    match event:
        case PaymentRefunded():
            return replace(order, payment="refunded")
        case InventoryReleased():
            return replace(order, stock="released")
        case NotificationSent():
            return replace(order, notified=(*order.notified, event.subject))
    return order


def fold(events: Iterable[Event]) -> Order:
    """The order as all its events made it."""
    order = Order()
    for event in events:
        order = evolve(order, event)
    return order


def decide(order: Order, command: Settle | Cancel) -> list[OrderConfirmed | OrderCancelled]:
    """The events that the command amounts to; none if there is nothing to decide (yet).

    Raises NotPossible. Decides an order once: one that is confirmed or cancelled stays so.
    """
    match command:
        case Settle():
            return [_settled(order)] if order.status == "open" and _answered(order) else []
        case Cancel():
            return [_cancelled(order, command.reason)]


def _answered(order: Order) -> bool:
    return bool(order.payment and order.stock)


def _settled(order: Order) -> OrderConfirmed | OrderCancelled:
    if (order.payment, order.stock) == ("success", "reserved"):
        return OrderConfirmed(
            order_id=order.order_id,
            user_id=order.user_id,
            total=order.total,
            items=list(order.items),
        )
    return _cancelled(order, order.reason)


def _cancelled(order: Order, reason: str) -> OrderCancelled:
    if order.status != "open":
        raise NotPossible(_TOO_LATE[order.status].format(order.order_id))
    return OrderCancelled(order_id=order.order_id, user_id=order.user_id, reason=reason)


_TOO_LATE = {
    "unknown": "There is no such order.",
    "confirmed": "Order {} is confirmed already, so it can't be cancelled any more.",
    "cancelled": "Order {} is cancelled already.",
}
