"""The dashboard's own entries of the navigation."""

from typing import Any

from flowdeck.dashboard.shell import alerts, navigation
from flowdeck.dashboard.shell.navigation import Count
from flowdeck.declare.registry import registry
from flowdeck.observe import current

_SHOWN = 1_000


def dead_letters(user: Any) -> Count | None:
    """How many need a person; above a thousand it is enough to know that."""
    number = current.dead()
    if not number:
        return None
    return Count(f"{_SHOWN:,}+" if number > _SHOWN else str(number), alert=True)


def under_way() -> Count | None:
    """How many traces still have something to do, among the first unfinished deliveries."""
    now = current.under_way()
    more = "+" if now.deliveries == current.LOOKED_AT else ""
    return Count(f"{now.traces:,}{more} live") if now.traces else None


def types(user: Any) -> Count:
    """How many are declared."""
    return Count(str(len({one.cls for one in registry.event_types.values()})))


def register() -> None:
    """Put them into the navigation."""
    navigation.register(
        section="",
        label="Overview",
        url_name="flowdeck:home",
        icon="home",
        order=0,
        permission="view_processors",
        key="h",
        tab=True,
    )
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
    )
    navigation.register(
        section="Watch",
        label="Why?",
        url_name="flowdeck:why",
        icon="why",
        order=40,
        permission="view_log",
        key="w",
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
        label="Connectors",
        url_name="flowdeck:connectors",
        icon="plug",
        order=20,
        permission="view_connectors",
        key="x",
    )
    navigation.register(
        section="Operate",
        label="Processes",
        url_name="flowdeck:processes",
        icon="process",
        order=15,
        permission="view_log",
    )
    navigation.register(
        section="Operate",
        label="Timers",
        url_name="flowdeck:timers",
        icon="timer",
        order=20,
        permission="view_log",
        key="i",
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
        label="Objectives",
        url_name="flowdeck:objectives",
        icon="check",
        order=8,
        permission="view_alerts",
        key="b",
    )
    navigation.register(
        section="Operate",
        label="Database",
        url_name="flowdeck:database",
        icon="tray",
        order=20,
        permission="view_database",
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
