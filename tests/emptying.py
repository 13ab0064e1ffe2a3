"""Emptying the database after each test, fast: most tests fill few of its sixty tables."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models.signals import post_migrate

from flowdeck.declare.registry import registry
from flowdeck.engine.lanes import ranges
from flowdeck.models import Lane

_LANES = Lane._meta.db_table
_KEPT = {Permission._meta.db_table, ContentType._meta.db_table}
_REST = (
    f"UPDATE {_LANES} SET token = NULL, lease_expires_at = NULL, worker = '', claimed_at = NULL, "
    "claims = 0, suspect = NULL, suspected_at = NULL, floor = 0, lowered = 0, "
    "floor_wrong_at = NULL WHERE claimed_at IS NOT NULL OR claims > 0 OR floor > 0 OR lowered > 0 "
    "OR token IS NOT NULL OR lease_expires_at IS NOT NULL OR suspect IS NOT NULL"
)
_made: set[str] = set()
_MUCH = 512 * 1024  # bytes of a table that are not worth deleting row by row


def spare_the_work() -> None:
    """Empty only what holds rows, leave lanes that are whole, and make no permissions anew.

    Truncating a table writes new files for it and each of its indexes. The lanes of all processors
    and the permissions are hundreds of rows, the same for every test.
    """
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)
    post_migrate.connect(_make_permissions)
    flush = connection.ops.sql_flush

    def sql_flush(style: Any, tables: list[str], **options: Any) -> list[str]:
        whole = _lanes_are_whole()
        kept = {*_KEPT, _LANES} if whole else _KEPT
        chosen = [table for table in tables if table not in kept]
        if connection.vendor != "postgresql":
            return [*flush(style, chosen, **options), _REST]
        small, large = _filled(chosen)
        truncated = flush(style, large, **{**options, "allow_cascade": True})
        return [*truncated, *_deleted(small), _REST]

    connection.ops.sql_flush = sql_flush


def _make_permissions(*, app_config: AppConfig, **options: Any) -> None:
    """Once: they are kept."""
    if app_config.label not in _made:
        _made.add(app_config.label)
        create_permissions(app_config, **options)


def _lanes_are_whole() -> bool:
    wanted = {
        (processor.name, first, last)
        for processor in registry.processors.values()
        for first, last in ranges(processor.lanes)
    }
    there = list(Lane.objects.values_list("processor", "first_slot", "last_slot"))
    return len(there) == len(wanted) and set(there) == wanted


def _filled(tables: list[str]) -> tuple[list[str], list[str]]:
    """Those of the tables that hold rows: the small and the large ones."""
    looks = (
        f"(SELECT '{table}', pg_relation_size('\"{table}\"') FROM \"{table}\" LIMIT 1)"
        for table in tables
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        may_delete = cursor.fetchone()[0]
        cursor.execute(" UNION ALL ".join(looks))
        found = cursor.fetchall()
    small = [table for table, size in found if may_delete and size < _MUCH]
    return small, [table for table, _ in found if table not in small]


def _deleted(tables: list[str]) -> list[str]:
    """In any order, and of the log too: a superuser may have triggers and references sleep."""
    rest = "SET LOCAL session_replication_role = replica"
    wake = "SET LOCAL session_replication_role = DEFAULT"
    return [rest, *(f'DELETE FROM "{table}"' for table in tables), wake]
