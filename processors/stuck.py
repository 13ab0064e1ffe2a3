"""``stuck-order``: what has not happened; an order that is neither confirmed nor cancelled."""

from __future__ import annotations

from events.domain_events import (
    BROKER_STREAMS,
    OrderCancelled,
    OrderConfirmed,
    OrderCreated,
    OrderStalled,
)
from flowdeck import Match, pattern


@pattern(
    "stuck-order",
    key="order_id",
    within="10min",
    lateness="1min",
    of=[OrderCreated],
    without=[OrderConfirmed, OrderCancelled],
    streams=BROKER_STREAMS,
)
def stuck_order(match: Match) -> OrderStalled:
    """Say so when an order is not decided within ten minutes."""
    return OrderStalled(order_id=int(match.key), since=match.seen[0].at)
