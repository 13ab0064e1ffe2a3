"""The database's own part is what the files of ``flowdeck/sql`` say, and all of it is there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection, transaction

from flowdeck.sql import install

_FUNCTIONS = """
SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid) FROM pg_proc p
WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'flowdeck\\_%'
UNION ALL
SELECT t.tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relname LIKE 'flowdeck\\_%'
UNION ALL
SELECT indexname, indexdef FROM pg_indexes WHERE tablename LIKE 'flowdeck\\_%'
"""
_OBJECTS = "SELECT name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql <> ''"
_MADE = {
    "function": r"CREATE OR REPLACE FUNCTION (\w+)",
    "trigger": r"CREATE (?:OR REPLACE )?TRIGGER (\w+)",
    "index": r"CREATE INDEX IF NOT EXISTS (\w+)",
}


def _there() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(_FUNCTIONS if connection.vendor == "postgresql" else _OBJECTS)
        return {name: re.sub(r"\s+", " ", text) for name, text in cursor.fetchall()}


def _install(files: dict[str, str]) -> None:
    """Drop the indexes and triggers that the files make, then run them."""
    everything = "\n".join(files.values())
    with connection.cursor() as cursor:
        for name in re.findall(_MADE["index"], everything):
            cursor.execute(f"DROP INDEX {name}")
        for sql in files.values():
            parts = install.statements(sql) if connection.vendor == "sqlite" else [sql]
            for part in parts:
                cursor.execute(part)


class _Undone(Exception):
    """Rolls the installation back."""


def differences(**changed: str) -> dict[str, Any]:
    """What the files, some of them ``changed``, would make other than it is in the database."""
    vendor = connection.vendor
    files = {name: install.text(vendor, name) for name in install.names(vendor)} | changed
    before = _there()
    try:
        with transaction.atomic():
            _install(files)
            after = _there()
            raise _Undone
    except _Undone:
        pass
    return {
        name: (before.get(name), after.get(name))
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }


@pytest.mark.django_db(transaction=True)
def test_the_database_is_what_the_files_say() -> None:
    assert differences() == {}


@pytest.mark.django_db(transaction=True)
def test_a_file_that_no_migration_has_installed_is_seen() -> None:
    text = install.text(connection.vendor, "append_only").replace("are immutable", "stay")
    assert differences(append_only=text)
    text = install.text(connection.vendor, "deliveries")
    text = text.replace("(letter) WHERE state = 'dead'", "(letter) WHERE state = 'done'")
    assert "flowdeck_due_dead" in differences(deliveries=text)


@pytest.mark.django_db
def test_everything_that_the_database_has_stands_in_a_file() -> None:
    files = "\n".join(install.text(connection.vendor, n) for n in install.names(connection.vendor))
    made = {name for pattern in _MADE.values() for name in re.findall(pattern, files)}
    if connection.vendor == "postgresql":
        query = (
            "SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND "
            "proname LIKE 'flowdeck\\_%' UNION SELECT tgname FROM pg_trigger t JOIN pg_class c "
            "ON c.oid = t.tgrelid WHERE NOT tgisinternal AND c.relname LIKE 'flowdeck\\_%'"
        )
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        there = {row[0] for row in cursor.fetchall()}
        indexes = {
            name
            for table in ("flowdeck_due", "flowdeck_done", "flowdeck_event")
            for name in connection.introspection.get_constraints(cursor, table)
        }
    assert there <= made
    assert made <= there | indexes


@pytest.mark.sqlite
@pytest.mark.django_db
@pytest.mark.parametrize(
    "condition",
    [
        "processor = 'a' AND state IN ('pending', 'retrying', 'sleeping') AND slot BETWEEN 1 AND 9",
        "processor = 'a' AND key IN ('k') AND state IN ('retrying', 'sleeping', 'dead')",
        "state = 'dead' AND state IN ('retrying', 'sleeping', 'dead', 'discarded') "
        "ORDER BY position DESC",
    ],
)
def test_what_is_due_or_held_is_found_by_index(condition: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"EXPLAIN QUERY PLAN SELECT position FROM flowdeck_delivery WHERE {condition}"
        )
        plan = " ".join(row[3] for row in cursor.fetchall())
    assert "INDEX flowdeck_due_" in plan
