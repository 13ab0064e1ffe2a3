"""The shop's commands: placing an order, and cancelling one that is not decided yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from uuid_utils.compat import uuid7

from events import order_decisions, scenarios
from events.domain_events import (
    BROKER_STREAMS,
    MEDIATOR_STREAMS,
    Item,
    OrderCreated,
    OrderSubmitted,
    stream_of,
)
from events.models import Checkout, Product
from flowdeck import Draft, SequenceConflict, load, publish, read_stream

MOST_LINES = 50
MOST_PIECES = 99
_DECISIONS = 5
CHANGED_MIND = "Cancelled by the customer."
BROKER = "broker"
MEDIATOR = "mediator"
TOPOLOGIES = (BROKER, MEDIATOR)
_FIRST: dict[str, tuple[type[OrderCreated | OrderSubmitted], str]] = {
    BROKER: (OrderCreated, BROKER_STREAMS),
    MEDIATOR: (OrderSubmitted, MEDIATOR_STREAMS),
}


class OrderRefused(Exception):
    """The order was not placed. The message is for the customer; ``field`` names what is wrong."""

    def __init__(self, message: str, field: str = "items") -> None:
        super().__init__(message)
        self.field = field


class KeyReused(OrderRefused):
    """The idempotency key belongs to another order."""


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order that stands. ``created`` is false if this very request had been made before."""

    order_id: int
    correlation_id: UUID
    created: bool


def place_order(
    user: Any,
    items: Sequence[Mapping[str, Any]],
    idempotency_key: str,
    scenario: str | None = None,
    topology: str = BROKER,
    correlation_id: UUID | None = None,
) -> PlacedOrder:
    """Place an order of ``items`` (``sku`` and ``quantity``) for ``user``, once per key.

    Prices are the shop's. With the ``mediator`` topology (demo mode only) a mediator decides each
    next step; otherwise the processors react to each other's events.
    ``correlation_id`` is that of the new trace, if it has to be known before.

    Raises OrderRefused, or KeyReused if the key came with another order;
    then nothing was written.
    """
    _check_key(idempotency_key)
    _check_scenario(scenario)
    _check_topology(topology)
    priced = _priced(items)
    digest = _digest(items, scenario, topology)
    try:
        with transaction.atomic():
            found = _placed_before(user, idempotency_key, digest)
            return found or _place(
                user=user,
                items=priced,
                key=idempotency_key,
                digest=digest,
                scenario=scenario,
                topology=topology,
                correlation_id=correlation_id or uuid7(),
            )
    except IntegrityError:
        # The same request at the same moment was faster by a hair.
        found = _placed_before(user, idempotency_key, digest)
        if found is None:
            raise
        return found


def cancel_order(user: Any, order_id: int) -> None:
    """Cancel an own order that is neither confirmed nor cancelled; what was done is undone.

    Decided from the order's stream, and again if the stream grew meanwhile. Raises OrderRefused.
    """
    stream = stream_of(order_id)
    for _ in range(_DECISIONS):
        history = read_stream(stream)
        order = order_decisions.fold(load(stored) for stored in history)
        if order.status == "unknown" or order.user_id != user.pk:
            raise OrderRefused(f"You have no order {order_id} that could be cancelled.", "order_id")
        try:
            cancelled = order_decisions.decide(order, order_decisions.Cancel(CHANGED_MIND))
            publish(
                *cancelled,
                stream=stream,
                expected_sequence=history[-1].sequence,
                correlation_id=history[0].correlation_id,
                causation_id=history[0].id,
                producer="shop",
            )
        except order_decisions.NotPossible as error:
            raise OrderRefused(str(error), "order_id") from error
        except SequenceConflict:
            continue
        return
    raise OrderRefused(f"Order {order_id} is changing just now: try again.", "order_id")


def place_many(
    user: Any,
    orders: Iterable[tuple[Sequence[Mapping[str, Any]], str]],
    topology: str = BROKER,
) -> list[int]:
    """Place many orders, each of its own trace, in one transaction; return their ids.

    ``orders`` are items and scenario. For load and demos.
    """
    wanted = [(_priced(items), items, scenario) for items, scenario in orders]
    with transaction.atomic():
        checkouts = Checkout.objects.bulk_create(
            Checkout(
                user=user,
                idempotency_key=str(uuid7()),
                digest=_digest(items, scenario, topology),
                correlation_id=uuid7(),
            )
            for _, items, scenario in wanted
        )
        publish(
            *[
                _draft(checkout, priced, scenario, topology)
                for checkout, (priced, _, scenario) in zip(checkouts, wanted, strict=True)
            ]
        )
    return [checkout.pk for checkout in checkouts]


def _place(
    user: Any,
    items: list[Item],
    key: str,
    digest: str,
    scenario: str | None,
    topology: str,
    correlation_id: UUID,
) -> PlacedOrder:
    checkout = Checkout.objects.create(
        user=user, idempotency_key=key, digest=digest, correlation_id=correlation_id
    )
    publish(_draft(checkout, items, scenario, topology), expected_sequence=0)
    return PlacedOrder(checkout.pk, checkout.correlation_id, created=True)


def _draft(checkout: Checkout, items: list[Item], scenario: str | None, topology: str) -> Draft:
    first, streams = _FIRST[topology]
    placed = first(
        order_id=checkout.pk,
        user_id=checkout.user_id,
        total=sum((item.price * item.quantity for item in items), Decimal(0)),
        items=items,
        reference=checkout.idempotency_key,
        scenario=scenario or "",
        email=checkout.user.email,
    )
    return Draft(
        placed,
        stream=stream_of(checkout.pk, streams),
        correlation_id=checkout.correlation_id,
    )


def _placed_before(user: Any, key: str, digest: str) -> PlacedOrder | None:
    found = Checkout.objects.filter(user=user, idempotency_key=key).first()
    if found is None:
        return None
    if found.digest != digest:
        raise KeyReused(
            f"This Idempotency-Key was used for order {found.pk}, which differs. "
            "Use a new key for a new order.",
            "idempotency_key",
        )
    return PlacedOrder(found.pk, found.correlation_id, created=False)


def _priced(items: Sequence[Mapping[str, Any]]) -> list[Item]:
    if not items:
        raise OrderRefused("Your cart is empty: add at least one product.")
    if len(items) > MOST_LINES:
        raise OrderRefused(f"An order has at most {MOST_LINES} lines, not {len(items)}.")
    for item in items:
        _check_quantity(item.get("quantity"), str(item.get("sku")))
    wanted = {str(item.get("sku"))[:41] for item in items}
    # What can't be printed names nothing, and PostgreSQL would choke on it.
    products = Product.objects.filter(sku__in=filter(str.isprintable, wanted))
    prices = dict(products.values_list("sku", "price"))
    unknown = sorted(wanted - prices.keys())
    if unknown:
        raise OrderRefused(f"There is no product {unknown[0][:40]!r} in this shop.")
    return [
        Item(sku=item["sku"], quantity=item["quantity"], price=prices[item["sku"]])
        for item in items
    ]


def _check_quantity(quantity: Any, sku: str) -> None:
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        raise OrderRefused(f"The quantity of {sku[:40]} must be a whole number.")
    if not 1 <= quantity <= MOST_PIECES:
        raise OrderRefused(
            f"The quantity of {sku[:40]} must be 1 to {MOST_PIECES}, not {quantity}."
        )


def _check_key(key: str) -> None:
    if not isinstance(key, str) or not 1 <= len(key) <= 100 or not key.isprintable():
        raise OrderRefused(
            "The idempotency key must have 1 to 100 printable characters.", "idempotency_key"
        )


def _check_scenario(scenario: str | None) -> None:
    if not scenario:
        return
    if not scenarios.allowed():
        raise OrderRefused("Scenarios exist in demo mode only.", "scenario")
    if scenario not in scenarios.SCENARIOS:
        known = ", ".join(scenarios.SCENARIOS)
        raise OrderRefused(
            f"There is no scenario {scenario[:40]!r}; known are {known}.", "scenario"
        )


def _check_topology(topology: str) -> None:
    if topology not in _FIRST:
        known = ", ".join(_FIRST)
        raise OrderRefused(
            f"There is no topology {topology[:40]!r}; known are {known}.", "topology"
        )
    if topology != BROKER and not scenarios.allowed():
        raise OrderRefused("The mediator topology exists in demo mode only.", "topology")


def _digest(items: Sequence[Mapping[str, Any]], scenario: str | None, topology: str) -> str:
    lines = [(item["sku"], item["quantity"]) for item in items]
    asked = [lines, scenario or "", *([topology] if topology != BROKER else [])]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
