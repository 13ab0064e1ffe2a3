"""Whose a trace is: that of whoever placed the order it began with. And who may place orders."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from events.models import Checkout
from flowdeck.extend import ADMIN, OPERATOR, add_role, grant, register_trace_owner


def _owns(user: Any, correlation_id: UUID) -> bool:
    return Checkout.objects.filter(correlation_id=correlation_id, user=user).exists()


register_trace_owner(_owns)
add_role("customer", group="customer")
grant("events.place_orders", "customer", OPERATOR, ADMIN)
