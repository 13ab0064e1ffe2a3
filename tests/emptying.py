"""Emptying the database after each test, fast: most tests fill few of its sixty tables."""

from __future__ import annotations

from functools import cache

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connection
from django.test import TransactionTestCase

from flowdeck.declare.registry import registry
from flowdeck.engine import lanes, schedules
from flowdeck.models import Lane

_LANES = Lane._meta.db_table
_KEPT = {Permission._meta.db_table, ContentType._meta.db_table, _LANES}
_REST = (
    f"UPDATE {_LANES} SET token = NULL, lease_expires_at = NULL, worker = '', claimed_at = NULL, "
    "claims = 0, suspect = NULL, suspected_at = NULL, floor = 0, lowered = 0, "
    "floor_wrong_at = NULL WHERE claimed_at IS NOT NULL OR claims > 0 OR floor > 0 OR lowered > 0 "
    "OR token IS NOT NULL OR lease_expires_at IS NOT NULL OR suspect IS NOT NULL"
)
_MUCH = 512 * 1024  # bytes of a table that are not worth deleting row by row


def spare_the_work() -> None:
    """Empty only what holds rows, leave lanes that are whole and permissions, and stay connected.

    Truncating a table writes new files for it and each of its indexes. The lanes of all processors
    and the permissions are hundreds of rows, the same for every test. A new connection knows no
    table and no function yet: to learn them takes longer than most tests.
    """
    TransactionTestCase._fixture_teardown = lambda case: _empty()  # type: ignore[method-assign]
    TransactionTestCase._should_reload_connections = lambda case: False  # type: ignore[method-assign]


def _empty() -> None:
    whole = _lanes_are_whole()
    filled = _filled() if whole else {**_filled(), _LANES: 0}
    as_new = False
    try:
        connection.ops.execute_sql_flush([*_emptied(filled), _REST])
        as_new = _made_as_new()
    finally:
        if not as_new:
            connection.close()
    schedules.forget_introduced()
    lanes.assign_again()
    if not whole:
        lanes.forget_created()
        lanes.create_missing(registry.processors.values())


def _made_as_new() -> bool:
    """What a test set for its session, locked in it or wanted to do after it is gone."""
    connection.run_on_commit = []
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("RESET ALL; SELECT pg_advisory_unlock_all()")
        connection.ensure_timezone()
    return True


def _lanes_are_whole() -> bool:
    wanted = {
        (processor.name, first, last)
        for processor in registry.processors.values()
        for first, last in lanes.ranges(processor.lanes)
    }
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT processor, first_slot, last_slot FROM {_LANES}")
        there = cursor.fetchall()
    return len(there) == len(wanted) and set(there) == wanted


@cache
def _tables() -> list[str]:
    found = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return [table for table in found if table not in _KEPT]


@cache
def _may_delete() -> bool:
    """Whether tables can be emptied row by row, in any order: a superuser may have rules sleep."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        return bool(cursor.fetchone()[0])


def _filled() -> dict[str, int]:
    """Those of the tables that hold rows, with their bytes."""
    size = "pg_relation_size('\"{0}\"')" if connection.vendor == "postgresql" else "0"
    look = f"SELECT '{{0}}', {size} WHERE EXISTS (SELECT 1 FROM \"{{0}}\")"
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(look.format(table) for table in _tables()))
        return dict(cursor.fetchall())


def _emptied(filled: dict[str, int]) -> list[str]:
    """Statements, in any order, and of the log too."""
    if connection.vendor != "postgresql":
        return [f'DELETE FROM "{table}"' for table in filled]
    large = [table for table, size in filled.items() if size > _MUCH or not _may_delete()]
    small = [f'DELETE FROM "{table}"' for table in filled if table not in large]
    rest = "SET LOCAL session_replication_role"
    deleted = "; ".join([f"{rest} = replica", *small, f"{rest} = DEFAULT"])
    truncated = connection.ops.sql_flush(no_style(), large, allow_cascade=True)
    return [*truncated, deleted] if small else truncated
