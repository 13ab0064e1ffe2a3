"""The dashboard's own entries of the navigation. Importing this registers them."""

from typing import Any

from events.dashboard.navigation import Count, register
from events.models import Delivery, DeliveryState

_COUNTED = 1_000


def dead_letters(user: Any) -> Count | None:
    """How many need a person; above a thousand it is enough to know that."""
    found = Delivery.objects.filter(state=DeliveryState.DEAD).order_by().values("id")
    number = found[: _COUNTED + 1].count()
    if not number:
        return None
    return Count(f"{_COUNTED:,}+" if number > _COUNTED else str(number), alert=True)


register("Watch", "Timeline", "events:timeline", "timeline", 5, "view_log")
register("Watch", "Event log", "events:log", "log", 10, "view_log")
register("Watch", "Traces", "events:traces", "trace", 20, "view_log")
register("Watch", "Flow map", "events:flow", "flow", 30, "view_processors")
register("Operate", "Processors", "events:processors", "processors", 10, "view_processors")
register("Operate", "Replay", "events:replay", "replay", 30, "view_replay")
register("Learn", "Catalog", "events:catalog", "catalog", 20, "view_log")
register(
    "Operate",
    "Dead letters",
    "events:dead_letters",
    "dead-letters",
    5,
    "view_dead_letters",
    dead_letters,
)
register("Operate", "Audit", "events:audit", "log", 30, "view_audit")
register("Learn", "Design review", "events:design_review", "check", 30, "view_log")
