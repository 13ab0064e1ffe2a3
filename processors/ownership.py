"""Whose a trace is: that of whoever placed the order, or ran the experiment, it began with."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flowdeck.people import access
from processors.models import Checkout, LabRun


def _owns(user: Any, correlation_id: UUID) -> bool:
    if LabRun.objects.filter(trace=correlation_id, user=user).exists():
        return True
    return Checkout.objects.filter(correlation_id=correlation_id, user=user).exists()


access.register_trace_owner(_owns)
access.grant(
    "use_lab", "customer", "teacher", "operator", access.ADMIN,
    label="use the lab and set faults for your own orders",
)  # fmt: skip
access.grant("view_class", "teacher", access.ADMIN, label="see the progress of the class")
access.grant("place_orders", "customer", "teacher", "operator", access.ADMIN, label="place orders")
