"""The indexes that the engine needs are there at the end of all migrations.

SQLite makes a table anew to add a column, and an index that only SQL knows of is gone then.
"""

from __future__ import annotations

from importlib import import_module

import pytest
from django.db import connection

rules = import_module("flowdeck.migrations.0002_database_rules")


@pytest.mark.django_db
def test_no_migration_has_lost_an_index() -> None:
    wanted = {
        statement.split()[2]
        for statement in rules.INDEXES[connection.vendor]
        if statement.startswith("CREATE INDEX")
    }
    with connection.cursor() as cursor:
        there = connection.introspection.get_constraints(cursor, "flowdeck_delivery")
    assert wanted | {"delivery_open"} <= set(there)


@pytest.mark.sqlite
@pytest.mark.django_db
@pytest.mark.parametrize(
    "condition",
    [
        "processor = 'a' AND state IN ('pending', 'retrying') AND slot BETWEEN 1 AND 9",
        "processor = 'a' AND key IN ('k') AND state IN ('retrying', 'dead')",
        "state = 'dead' AND state IN ('retrying', 'dead', 'discarded') ORDER BY position DESC",
    ],
)
def test_what_is_due_or_held_is_found_by_index(condition: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN SELECT id FROM flowdeck_delivery WHERE {condition}")
        plan = " ".join(row[3] for row in cursor.fetchall())
    assert "INDEX delivery_" in plan
