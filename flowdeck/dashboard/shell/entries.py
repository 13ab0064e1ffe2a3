"""The dashboard's own entries of the navigation. Importing this registers them."""

from typing import Any

from django.db import connection

from flowdeck.dashboard.shell import alerts
from flowdeck.dashboard.shell.navigation import Count, register, register_notices
from flowdeck.declare.registry import registry
from flowdeck.models import Delivery, DeliveryState

_COUNTED = 1_000


def dead_letters(user: Any) -> Count | None:
    """How many need a person; above a thousand it is enough to know that."""
    found = Delivery.objects.filter(state__among=[DeliveryState.DEAD]).order_by().values("id")
    number = found[: _COUNTED + 1].count()
    if not number:
        return None
    return Count(f"{_COUNTED:,}+" if number > _COUNTED else str(number), alert=True)


def under_way() -> Count | None:
    """How many traces still have something to do, among the first unfinished deliveries."""
    query = f"""
        SELECT count(DISTINCT e.correlation_id), count(*) FROM (
          SELECT d.position FROM flowdeck_delivery d
          WHERE d.state IN ('pending', 'retrying') LIMIT {_COUNTED}
        ) AS unfinished JOIN flowdeck_event e ON e.position = unfinished.position
    """
    with connection.cursor() as cursor:
        cursor.execute(query)
        traces, deliveries = cursor.fetchone()
    more = "+" if deliveries == _COUNTED else ""
    return Count(f"{traces:,}{more} live") if traces else None


def types(user: Any) -> Count:
    """How many are declared."""
    return Count(str(len(registry.event_types)))


register("Watch", "Timeline", "flowdeck:timeline", "timeline", 5, "view_log", key="t", tab=True)
register("Watch", "Event log", "flowdeck:log", "log", 10, "view_log", key="e")
register("Watch", "Traces", "flowdeck:traces", "trace", 20, "view_log", key="r", tab=True)
register("Watch", "Flow map", "flowdeck:flow", "flow", 30, "view_processors", key="f", tab=True)
register(
    "Operate", "Processors", "flowdeck:processors", "processors", 10, "view_processors", key="o"
)
register("Operate", "Replay", "flowdeck:replay", "replay", 30, "view_replay", key="p")
register("Learn", "Catalog", "flowdeck:catalog", "catalog", 20, "view_log", types, key="c")
register(
    "Operate",
    "Dead letters",
    "flowdeck:dead_letters",
    "dead-letters",
    5,
    "view_dead_letters",
    dead_letters,
    key="d",
    tab=True,
)
register("Operate", "Alerts", "flowdeck:alerts", "bell", 7, "view_alerts", alerts.count, key="n")
register_notices(alerts.notices)
register("Operate", "Audit", "flowdeck:audit", "log", 30, "view_audit", key="a")
register("Learn", "Design review", "flowdeck:design_review", "check", 30, "view_log")
