"""Whose a trace of the lab is, and who may use the lab."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flowdeck.people import access
from lab.models import LabRun


def _owns(user: Any, correlation_id: UUID) -> bool:
    return LabRun.objects.filter(trace=correlation_id, user=user).exists()


access.register_trace_owner(_owns)
access.grant(
    "use_lab",
    "customer",
    "teacher",
    "operator",
    access.ADMIN,
    label="use the lab and set faults for your own orders",
)
access.grant("view_class", "teacher", access.ADMIN, label="see the progress of the class")
