"""Experiments that leave nothing behind: a transaction that is always rolled back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db.models import AutoField

from flowdeck.database import connection
from flowdeck.declare.registry import Processor
from flowdeck.engine.calls import alone
from flowdeck.engine.outcome import Outcome
from flowdeck.log.append import read_log
from flowdeck.models import Done
from flowdeck.sql import DueDelivery
from flowdeck.words import counted

_WRITES = re.compile(r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?([\w]+)"?', re.IGNORECASE)
MOST_ROWS = 50_000


def samples(processor: Processor) -> list[DueDelivery]:
    """The newest finished delivery of each event type that the processor listens to."""
    found = []
    for type_name in processor.subscriptions:
        newest = (
            Done.objects.filter(processor=processor.name, event__type=type_name)
            .order_by("-event_id")
            .first()
        )
        if newest is not None:
            event = read_log(newest.event_id - 1, 1)[0]
            found.append(DueDelivery(newest.attempts, event))
    return found


@contextmanager
def written_tables() -> Iterator[set[str]]:
    """The tables that the block writes to."""
    tables: set[str] = set()

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if match := _WRITES.match(sql):
            tables.add(match.group(1))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield tables


def fingerprints(tables: set[str]) -> dict[str, str]:
    """What is in each table, as a hash; of one with too many rows, their number."""
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(tables):
            quoted = connection.ops.quote_name(table)
            cursor.execute(f"SELECT count(*) FROM {quoted}")
            count = cursor.fetchone()[0]
            if count > MOST_ROWS:
                found[table] = counted(count, "row")
                continue
            cursor.execute(f"SELECT {_columns(table)} FROM {quoted}")
            rows = sorted(repr(row) for row in cursor.fetchall())
            found[table] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return found


def _columns(table: str) -> str:
    """All columns but numbers that the database gives out, which say nothing."""
    model = next((m for m in apps.get_models() if m._meta.db_table == table), None)
    if model is None:
        return "*"
    fields = [f for f in model._meta.concrete_fields if not isinstance(f, AutoField)]
    return ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)


def deliver(processor: Processor, due: DueDelivery) -> Outcome:
    """Run the handler once. What it emits is not appended. Raises what the handler raises."""
    return alone(processor, due)
