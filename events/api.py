"""``GET /products``, ``POST /orders`` and ``GET /orders/{id}`` of the JSON API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Field, Header, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import ConfigDict

from events import orders
from events.models import OrderSummary, Product
from flowdeck.api import require_action
from flowdeck.extend import can

router = Router(tags=["shop"])


class Problem(Schema):
    """A refusal, in words."""

    detail: str


class ProductOut(Schema):
    """Something to buy."""

    sku: str
    name: str
    price: Decimal
    stock: int | None = Field(
        description="pieces available now, may be behind by moments; null: not counted yet"
    )


class ItemIn(Schema):
    """So many of a product."""

    model_config = ConfigDict(extra="forbid", strict=True)
    sku: str = Field(max_length=40)
    quantity: int


class OrderIn(Schema):
    """An order to place."""

    model_config = ConfigDict(extra="forbid")
    items: list[ItemIn]
    scenario: str | None = Field(None, max_length=40, description="demo mode only")
    topology: str | None = Field(
        None, max_length=40, description="broker (the default) or mediator; demo mode only"
    )


class PlacedOut(Schema):
    """An order was placed; what becomes of it shows in its trace."""

    order_id: int
    correlation_id: UUID


class OrderOut(Schema):
    """An order as the read model has it."""

    order_id: int
    correlation_id: UUID
    status: str
    total: Decimal
    reason: str
    items: list[dict[str, Any]]


@router.get("/products", response=list[ProductOut], summary="List the products")
def list_products(request: HttpRequest) -> Any:
    """Everything on sale, with stock."""
    return Product.on_sale()


@router.post(
    "/orders",
    response={
        201: PlacedOut,
        200: PlacedOut,
        400: Problem,
        409: Problem,
        422: Problem,
        403: Problem,
    },
    summary="Place an order",
)
def place_order(
    request: HttpRequest,
    order: OrderIn,
    idempotency_key: str = Header("", alias="Idempotency-Key", max_length=100),
) -> Any:
    """201 with a new order; 200 with the first one if the same request was sent before."""
    require_action(request, "events.place_orders")
    if not idempotency_key:
        raise HttpError(
            400, "Send an Idempotency-Key header, such as a new UUID, with each new order."
        )
    try:
        placed = orders.place_order(
            request.user,
            [item.dict() for item in order.items],
            idempotency_key,
            scenario=order.scenario,
            topology=order.topology or orders.BROKER,
        )
    except orders.KeyReused as error:
        return Status(409, {"detail": str(error)})
    except orders.OrderRefused as error:
        return Status(422, {"detail": str(error)})
    return Status(201 if placed.created else 200, placed)


@router.get(
    "/orders/{int:order_id}", response={200: OrderOut, 404: Problem}, summary="Read one order"
)
def get_order(request: HttpRequest, order_id: int) -> Any:
    """One of your own orders; those who may see the log may see all."""
    found = OrderSummary.objects.filter(order_id=order_id)
    if not can(request.user, "view_log"):
        found = found.filter(user_id=request.user.pk)
    order = found.first()
    if order is None:
        raise Http404(f"You have no order {order_id}.")
    return order


@router.post(
    "/orders/{int:order_id}/cancel",
    response={204: None, 403: Problem, 409: Problem},
    summary="Cancel an order",
)
def cancel_order(request: HttpRequest, order_id: int) -> Any:
    """204 if your order was still open; 409 with the reason if it can't be cancelled any more."""
    require_action(request, "events.place_orders")
    try:
        orders.cancel_order(request.user, order_id)
    except orders.OrderRefused as error:
        return Status(409, {"detail": str(error)})
    return Status(204, None)
