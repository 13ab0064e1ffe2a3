"""Deliveries of before are moved into the tables of what is due and what is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

pytestmark = pytest.mark.django_db(transaction=True)

_AT = "2026-11-30 08:00:00+00:00"
_EVENT = """
INSERT INTO flowdeck_event (position, id, stream, sequence, type, version, data, metadata, key,
  correlation_id, producer, occurred_at, recorded_at)
VALUES (%s, %s, 's', %s, 'T', 1, '{}', '{}', 's', %s, 'p', %s, %s)
"""
_DELIVERY = """
INSERT INTO flowdeck_delivery (id, position, processor, key, slot, state, attempts, due_at,
  started_at, finished_at, fingerprint, retried)
VALUES (%s, %s, %s, 's', 7, %s, %s, %s, %s, %s, %s, %s)
"""
_ATTEMPT = """
INSERT INTO flowdeck_attempt (delivery_id, number, outcome, error, message, traceback, frame,
  fingerprint, worker, started_at, finished_at)
VALUES (%s, 1, 'failed', 'E', 'm', 't', 'f', 'fp', 'w', %s, %s)
"""
# id, position, processor, state, fingerprint, retried
_ROWS = (
    (10, 1, "a", "done", "", 0),
    (11, 2, "a", "dead", "fp", 0),
    (12, 1, "b", "discarded", "fp", 0),
    (13, 3, "a", "pending", "", 0),
    (14, 2, "b", "retrying", "", 0),
    (15, 3, "b", "done", "fp", 1),
)


@pytest.fixture
def before(tmp_path: Path) -> Iterator[BaseDatabaseWrapper]:
    """An empty database as it was before deliveries were split, in the place of the tests' own."""
    usual = connections[DEFAULT_DB_ALIAS]
    server = usual.vendor == "postgresql"
    name = f"{usual.settings_dict['NAME']}_before" if server else tmp_path / "before"
    with usual.cursor() as cursor:
        if server:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
            cursor.execute(f'CREATE DATABASE "{name}"')
    other = usual.copy()
    other.settings_dict["NAME"] = name
    connections[DEFAULT_DB_ALIAS] = other
    try:
        MigrationExecutor(other).migrate([("flowdeck", "0009_trace_end")])
        yield other
    finally:
        connections[DEFAULT_DB_ALIAS] = usual
        other.close()
        with usual.cursor() as cursor:
            if server:
                cursor.execute(f'DROP DATABASE "{name}"')


def fill(connection: BaseDatabaseWrapper) -> None:
    """Deliveries in every state, attempts, what the audit says, and a lane with a suspect."""
    with connection.cursor() as cursor:
        for position in (1, 2, 3):
            name = f"{position:032x}"
            cursor.execute(_EVENT, [position, name, position, name, _AT, _AT])
        for number, position, processor, state, fingerprint, retried in _ROWS:
            due_at = _AT if state == "retrying" else None
            times = (None, None) if state == "pending" else (_AT, _AT)
            cursor.execute(
                _DELIVERY,
                [number, position, processor, state, 1, due_at, *times, fingerprint, retried],
            )
        for number in (11, 15):
            cursor.execute(_ATTEMPT, [number, _AT, _AT])
        cursor.execute(
            "INSERT INTO flowdeck_auditeddelivery (entry_id, delivery_id) VALUES (1, 15)"
        )
        cursor.execute(
            "INSERT INTO flowdeck_lane (processor, first_slot, last_slot, worker, claims, suspect) "
            "VALUES ('a', 0, 1023, '', 0, 13)"
        )


def test_every_row_is_where_its_state_belongs_and_letters_keep_their_numbers(
    before: BaseDatabaseWrapper,
) -> None:
    fill(before)
    executor = MigrationExecutor(before)
    executor.migrate([("flowdeck", "0010_due_and_done")])

    def rows(query: str) -> list[tuple[Any, ...]]:
        with before.cursor() as cursor:
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()]

    assert rows(
        "SELECT position, processor, key, slot, state, attempts, fingerprint, letter, "
        "due_at IS NULL, started_at IS NULL FROM flowdeck_due ORDER BY 1, 2"
    ) == [
        (1, "b", "s", 7, "discarded", 1, "fp", 12, True, False),
        (2, "a", "s", 7, "dead", 1, "fp", 11, True, False),
        (2, "b", "s", 7, "retrying", 1, "", None, False, False),
        (3, "a", "s", 7, "pending", 1, "", None, True, True),
    ]
    assert rows(
        "SELECT position, processor, attempts, retried, fingerprint, letter, finished_at IS NULL "
        "FROM flowdeck_done ORDER BY 1, 2"
    ) == [(1, "a", 1, 0, "", None, False), (3, "b", 1, 1, "fp", 15, False)]
    assert rows("SELECT count(*) FROM flowdeck_delivery") == [(len(_ROWS),)]
    named = "SELECT position, processor FROM {} ORDER BY 1"
    assert rows(named.format("flowdeck_attempt")) == [(2, "a"), (3, "b")]
    assert rows(named.format("flowdeck_auditeddelivery")) == [(3, "b")]
    assert rows("SELECT suspect FROM flowdeck_lane") == [(3,)]
    if before.vendor == "postgresql":
        assert rows("SELECT nextval('flowdeck_letter')") == [(16,)]
