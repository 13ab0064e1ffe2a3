"""A customer's orders, read from the checkouts, so that one is there as soon as it is placed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, OuterRef, Q, Subquery

from events.models import Checkout, OrderSummary
from events.orders import PlacedOrder
from flowdeck.extend import Changes, LogEvent

COUNTED = 1000
"""Orders of one person that are counted; beyond it the page says so."""


@dataclass(frozen=True, slots=True)
class Summary:
    """An order, its request's idempotency key and its trace."""

    order_id: int
    key: str
    correlation_id: UUID

    @property
    def dom_id(self) -> str:
        """The id of its row: by its key, which the page knew first, if that is a UUID."""
        try:
            return f"order-{UUID(self.key)}"
        except ValueError:
            return f"order-no-{self.order_id}"


def summaries_of(user: Any, limit: int) -> list[Summary]:
    """The newest orders of one person."""
    rows = Checkout.objects.filter(user_id=user.pk).order_by("-pk")[:limit]
    return [Summary(row.pk, row.idempotency_key, row.correlation_id) for row in rows]


def summary_of(placed: PlacedOrder, key: str) -> Summary:
    """The order that was just placed."""
    return Summary(placed.order_id, key, placed.correlation_id)


def own_summary(user: Any, order_id: int) -> Summary | None:
    """One order, if it is this person's."""
    row = Checkout.objects.filter(user_id=user.pk, pk=order_id).first()
    return Summary(row.pk, row.idempotency_key, row.correlation_id) if row else None


def counts_of(user: Any) -> dict[str, int]:
    """How many of the newest ``COUNTED`` orders are open, confirmed and corrected.

    An order counts as soon as it is placed: what the read model does not know yet is open. One
    query, since every page asks.
    """
    of_order = OrderSummary.objects.filter(order_id=OuterRef("pk")).values("status")[:1]
    orders = Checkout.objects.filter(user_id=user.pk).annotate(status=Subquery(of_order))
    status = OrderSummary.Status
    found = orders.order_by("-pk")[:COUNTED].aggregate(
        all=Count("pk"),
        confirmed=Count("pk", filter=Q(status=status.CONFIRMED)),
        corrected=Count("pk", filter=Q(status=status.CANCELLED)),
    )
    return {**found, "open": found["all"] - found["confirmed"] - found["corrected"]}


def count_open(user: Any) -> int:
    """How many orders of one person are not decided yet."""
    return counts_of(user)["open"]


def customers_of(traces: Iterable[Any]) -> frozenset[int]:
    """Ids of those whose orders these traces belong to."""
    found = Checkout.objects.filter(correlation_id__in=list(traces))
    return frozenset(found.values_list("user_id", flat=True))


def concerns(changes: Changes, user: Any) -> bool:
    """Whether an order of this person was touched; read once for all who watch."""
    if changes.unknown or changes.correlations.many:
        return True
    touched = changes.correlations.known
    return user.pk in changes.once("shop.customers", lambda: customers_of(touched))


def newest_orders(users: Iterable[int]) -> dict[int, int]:
    """The newest order of each of these people, if they have any."""
    rows = Checkout.objects.filter(user_id__in=list(users)).order_by().values_list("user_id")
    return dict(rows.annotate(newest=Max("pk")))


def last_positions(traces: Iterable[UUID]) -> dict[UUID, int]:
    """The position of the newest event of each trace."""
    rows = LogEvent.objects.filter(correlation_id__in=list(traces)).order_by()
    return dict(rows.values_list("correlation_id").annotate(last=Max("position")))
