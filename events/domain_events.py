"""What happens in the shop. All events of one order are in one stream, ``order-<order_id>``.

An order that goes through the mediator is in ``mediated-<order_id>`` instead.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict

from flowdeck import Event, Personal, objective, upcaster


class Item(BaseModel):
    """So many of one product, at the price of the moment of ordering."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sku: str
    quantity: int
    price: Decimal


Email = Annotated[str, Personal(subject="user_id")]


class OrderCreated(Event, version=2):
    """Somebody placed an order; its reference is the idempotency key of the request.

    Version 1 named no currency: all prices were in euros.
    """

    order_id: int
    user_id: int
    total: Decimal
    items: list[Item]
    currency: Literal["EUR"] = "EUR"
    reference: str = ""
    scenario: str = ""
    email: Email = ""


@upcaster(
    OrderCreated,
    from_version=1,
    sample={
        "order_id": 7,
        "user_id": 3,
        "total": "28.00",
        "reference": "",
        "scenario": "",
        "items": [{"sku": "mug", "quantity": 2, "price": "14.00"}],
    },
)
def with_currency(data: dict[str, Any]) -> dict[str, Any]:
    """Version 2 says which currency the prices are in."""
    return {**data, "currency": "EUR"}


class OrderSubmitted(Event, version=1):
    """Somebody placed an order that the mediator is to see through (stream ``mediated-<id>``)."""

    order_id: int
    user_id: int
    total: Decimal
    items: list[Item]
    reference: str = ""
    scenario: str = ""
    email: Email = ""


class DeadlinePassed(Event, version=1):
    """An order was not decided in time."""

    order_id: int


class ReservationRequested(Event, version=1):
    """The mediator asked the warehouse to set the items of an order aside."""

    order_id: int
    items: list[Item]
    scenario: str = ""


class ReleaseRequested(Event, version=1):
    """The mediator asked the warehouse to undo a reservation."""

    order_id: int


class PaymentRequested(Event, version=2):
    """The mediator asked for the money of an order. Version 1 did not say whose it is."""

    order_id: int
    total: Decimal
    scenario: str = ""
    user_id: int | None = None


@upcaster(
    PaymentRequested,
    from_version=1,
    sample={"order_id": 7, "total": "28.00", "scenario": ""},
)
def of_nobody(data: dict[str, Any]) -> dict[str, Any]:
    """Version 2 says whose order it is, where that is known."""
    return {**data, "user_id": None}


class RefundRequested(Event, version=1):
    """The mediator asked to give back money that came too late."""

    order_id: int


class PaymentProcessed(Event, version=2, refusal={"status": "failed"}):
    """The payment provider gave its answer; ``reason`` says why not.

    Version 1 did not say whose order it was.
    """

    order_id: int
    amount: Decimal
    status: Literal["success", "failed"]
    reason: str = ""
    provider_ref: str = ""
    user_id: int | None = None


@upcaster(
    PaymentProcessed,
    from_version=1,
    sample={
        "order_id": 7,
        "amount": "28.00",
        "status": "success",
        "reason": "",
        "provider_ref": "ch_1",
    },
)
def paid_by_nobody(data: dict[str, Any]) -> dict[str, Any]:
    """Version 2 says whose order it is, where that is known."""
    return {**data, "user_id": None}


class PaymentRefunded(Event, version=1):
    """Money taken for a cancelled order was given back."""

    order_id: int
    amount: Decimal
    provider_ref: str


class InventoryReplenished(Event, version=1):
    """Pieces of a product came into the warehouse (stream ``product-<sku>``)."""

    sku: str
    quantity: int


class InventoryReserved(Event, version=1):
    """All items of an order were set aside."""

    order_id: int
    items: list[Item]


class InventoryRejected(Event, version=1, refusal=True):
    """An order could not be set aside: of ``sku`` there is not enough. Nothing was reserved."""

    order_id: int
    sku: str
    reason: str


class InventoryReleased(Event, version=1):
    """Items set aside for a cancelled order are for sale again."""

    order_id: int
    items: list[Item]


class OrderConfirmed(Event, version=1):
    """An order is paid and reserved."""

    order_id: int
    user_id: int
    total: Decimal
    items: list[Item]


class OrderCancelled(Event, version=1, refusal=True):
    """An order will not be fulfilled; ``reason`` is meant for the customer."""

    order_id: int
    user_id: int
    reason: str


class OrderStalled(Event, version=1):
    """Nobody has confirmed or cancelled an order for long after it was placed."""

    order_id: int
    since: datetime


class FraudSuspected(Event, version=1):
    """Payments of one user failed too often within a minute (stream ``user-<id>``)."""

    user_id: int
    order_ids: list[int]
    first_at: datetime
    last_at: datetime


class NotificationSent(Event, version=1):
    """The customer was told how the order went."""

    order_id: int
    user_id: int
    subject: str


objective(
    "Orders are confirmed",
    began_with=OrderCreated,
    reaches=OrderConfirmed,
    within=5,
    target=95,
)


BROKER_STREAMS = "order-"
MEDIATOR_STREAMS = "mediated-"


def stream_of(order_id: int, prefix: str = BROKER_STREAMS) -> str:
    """The stream of an order: its prefix says which topology it goes through."""
    return f"{prefix}{order_id}"
