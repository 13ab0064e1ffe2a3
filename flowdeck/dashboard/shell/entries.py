"""The dashboard's own entries of the navigation."""

from typing import Any

from django.db import connection

from flowdeck.dashboard.shell import alerts, navigation
from flowdeck.dashboard.shell.navigation import Count
from flowdeck.declare.registry import registry
from flowdeck.declare.states import UNFINISHED, DeliveryState, among
from flowdeck.models import Due

_COUNTED = 1_000


def dead_letters(user: Any) -> Count | None:
    """How many need a person; above a thousand it is enough to know that."""
    found = Due.objects.filter(state__among=[DeliveryState.DEAD]).order_by().values("letter")
    number = found[: _COUNTED + 1].count()
    if not number:
        return None
    return Count(f"{_COUNTED:,}+" if number > _COUNTED else str(number), alert=True)


def under_way() -> Count | None:
    """How many traces still have something to do, among the first unfinished deliveries."""
    query = f"""
        SELECT count(DISTINCT e.correlation_id), count(*) FROM (
          SELECT d.position FROM flowdeck_due d
          WHERE d.state {among(*UNFINISHED)} LIMIT {_COUNTED}
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


def register() -> None:
    """Put them into the navigation."""
    navigation.register(
        section="Watch",
        label="Timeline",
        url_name="flowdeck:timeline",
        icon="timeline",
        order=5,
        permission="view_log",
        key="t",
        tab=True,
    )
    navigation.register(
        section="Watch",
        label="Event log",
        url_name="flowdeck:log",
        icon="log",
        order=10,
        permission="view_log",
        key="e",
    )
    navigation.register(
        section="Watch",
        label="Traces",
        url_name="flowdeck:traces",
        icon="trace",
        order=20,
        permission="view_log",
        key="r",
        tab=True,
    )
    navigation.register(
        section="Watch",
        label="Flow map",
        url_name="flowdeck:flow",
        icon="flow",
        order=30,
        permission="view_processors",
        key="f",
        tab=True,
    )
    navigation.register(
        section="Operate",
        label="Processors",
        url_name="flowdeck:processors",
        icon="processors",
        order=10,
        permission="view_processors",
        key="o",
    )
    navigation.register(
        section="Operate",
        label="Replay",
        url_name="flowdeck:replay",
        icon="replay",
        order=30,
        permission="view_replay",
        key="p",
    )
    navigation.register(
        section="Learn",
        label="Catalog",
        url_name="flowdeck:catalog",
        icon="catalog",
        order=20,
        permission="view_log",
        count=types,
        key="c",
    )
    navigation.register(
        section="Operate",
        label="Dead letters",
        url_name="flowdeck:dead_letters",
        icon="dead-letters",
        order=5,
        permission="view_dead_letters",
        count=dead_letters,
        key="d",
        tab=True,
    )
    navigation.register(
        section="Operate",
        label="Alerts",
        url_name="flowdeck:alerts",
        icon="bell",
        order=7,
        permission="view_alerts",
        count=alerts.count,
        key="n",
    )
    navigation.register(
        section="Operate",
        label="Audit",
        url_name="flowdeck:audit",
        icon="log",
        order=30,
        permission="view_audit",
        key="a",
    )
    navigation.register(
        section="Learn",
        label="Design review",
        url_name="flowdeck:design_review",
        icon="check",
        order=30,
        permission="view_log",
    )
    navigation.register_notices(alerts.notices)
