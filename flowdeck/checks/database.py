"""What ``manage.py check --database`` finds: rights, workers and groups that are missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import Group
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections, router
from django.db.models import Count, Model

from flowdeck.bells import silence
from flowdeck.database import alias, connection
from flowdeck.declare.registry import registry
from flowdeck.models import Lane, SilentBell, Worker
from flowdeck.observe.overview import cut_off_workers
from flowdeck.people import groups

_LOOK_THERE = "Look at its network, at FLOWDECK['REDIS_URL'] and at CELERY_BROKER_URL there."


@register(Tags.database)
def rights(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """What the database user may do; asked by ``migrate`` and ``check --database``."""
    if alias() not in (databases or ()) or connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_database_privilege(current_database(), 'CREATE')")
        if cursor.fetchone()[0]:
            return []
    return [
        Warning(
            "The database user may make no schema, so read models can't be replayed or verified.",
            hint=f"GRANT CREATE ON DATABASE {connection.settings_dict['NAME']} to it.",
            id="flowdeck.W003",
        )
    ]


@register(Tags.database)
def signs_of_life(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """What workers, and others whose bells fail, say of themselves; for ``check --database``."""
    if alias() not in (databases or ()) or not _are_there(Worker, SilentBell):
        return []
    found: list[CheckMessage] = [
        Warning(
            f"Worker {worker.name} has not reached Redis or the broker since "
            f"{worker.cut_off_since:%Y-%m-%d %H:%M:%S} UTC: it hears no bells and looks for work "
            "once a second.",
            hint=_LOOK_THERE,
            id="flowdeck.W004",
        )
        for worker in cut_off_workers()
    ]
    return found + [
        Warning(
            f"{one.name} can ring no bell since {one.since:%Y-%m-%d %H:%M:%S} UTC: workers find "
            "what it appends a second or more later.",
            hint=_LOOK_THERE,
            id="flowdeck.W008",
        )
        for one in silence.silent_lately()
    ]


@register(Tags.database)
def divided_lanes(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Processors that have another number of lanes than is declared, for ``check --database``."""
    if alias() not in (databases or ()) or not _are_there(Lane):
        return []
    counted = Lane.objects.values("processor").annotate(lanes=Count("pk")).order_by()
    there = dict(counted.values_list("processor", "lanes"))
    return [
        Warning(
            f"Processor {name!r} is declared with {declared.lanes} lanes and has {there[name]}: "
            "these hold.",
            hint=f"`manage.py flowdeck processors divide {name} --reason ...` divides them anew, "
            "while workers work.",
            id="flowdeck.W021",
        )
        for name, declared in sorted(registry.processors.items())
        if there.get(name, declared.lanes) != declared.lanes
    ]


@register(Tags.database)
def undeclared(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Processors that no code here declares and that have lanes, for ``check --database``."""
    if alias() not in (databases or ()) or not _are_there(Lane):
        return []
    there = set(Lane.objects.values_list("processor", flat=True).distinct())
    return [
        Warning(
            f"No installed app declares the processor {name!r}: what comes for it waits.",
            hint="Give its name to the one that took its place, was=[...], or, once no process "
            f"declares it, `manage.py flowdeck processors retire {name} --reason ...`.",
            id="flowdeck.W022",
        )
        for name in sorted(there - registry.processors.keys())
    ]


def _are_there(*models: type[Model]) -> bool:
    """Whether their tables are there and as they are now: ``migrate`` asks before it begins."""
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
        for model in models:
            table = model._meta.db_table
            if table not in there:
                return False
            found = connection.introspection.get_table_description(cursor, table)
            if not {one.column for one in model._meta.concrete_fields} <= {c.name for c in found}:
                return False
    return True


@register(Tags.database)
def ready_groups(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Ready groups that give nothing; asked by ``migrate`` and ``check --database``."""
    if router.db_for_read(Group) not in (databases or ()) or not _groups_are_there():
        return []
    return [
        Warning(
            f"The group {name!r} is named for a role of flowdeck, but has no permission, so its "
            "members may do nothing.",
            hint="Run `manage.py flowdeck groups`: it gives each ready group what it lacks.",
            id="flowdeck.W005",
        )
        for name in groups.without_permissions()
    ]


def _groups_are_there() -> bool:
    tables = set(connections[router.db_for_read(Group)].introspection.table_names())
    return {Group._meta.db_table, Group.permissions.through._meta.db_table} <= tables
