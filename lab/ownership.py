"""Whose a trace of the lab is, who may use the lab, and what a teacher may do."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flowdeck.extend import ADMIN, OPERATOR, add_role, grant, register_trace_owner
from lab.models import LabRun

TEACHER = "teacher"
_WATCHES = (
    "view_log",
    "view_processors",
    "view_connectors",
    "view_dead_letters",
    "view_alerts",
    "view_replay",
)


def _owns(user: Any, correlation_id: UUID) -> bool:
    return LabRun.objects.filter(trace=correlation_id, user=user).exists()


register_trace_owner(_owns)
add_role(TEACHER, group="teacher")
for action in (*_WATCHES, "run_checklist", "events.place_orders"):
    grant(action, TEACHER)
grant("lab.use_lab", "customer", TEACHER, OPERATOR, ADMIN)
grant("lab.view_class", TEACHER, ADMIN)
