"""Shadows: empty temporary tables that stand for a projection's read models.

A temporary table is found before the lasting one of the same name, on PostgreSQL and on SQLite, and
by its own connection only. So a handler runs unchanged, raw SQL included, and writes beside the
live table; and when its process is killed, the database removes what it had built.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, models

from flowdeck.errors import ReplayRefused
from flowdeck.sql import dialect

_WRITES = re.compile(r'\b(?:INSERT INTO|UPDATE|DELETE FROM|TRUNCATE)\s+(?:ONLY\s+)?"?([\w.]+)"?')


@dataclass(frozen=True, slots=True)
class Shadow:
    """One model with its two tables: ``live`` as SQL names it, and the shadow by plain name."""

    model: type[models.Model]
    live: str

    @property
    def table(self) -> str:
        """The plain name; while the shadow exists, it means the shadow."""
        return connection.ops.quote_name(self.model._meta.db_table)


@contextmanager
def shadows(shadowed: Sequence[type[models.Model]]) -> Iterator[list[Shadow]]:
    """Empty shadows of the models for the length of the block, on this connection."""
    made: list[Shadow] = []
    with connection.cursor() as cursor:
        try:
            for model in shadowed:
                _drop(cursor, model._meta.db_table)  # left by a run whose connection was kept
                made.append(Shadow(model, dialect().create_shadow(cursor, model._meta.db_table)))
            yield made
        finally:
            if connection.connection is not None and not connection.needs_rollback:
                for shadow in made:
                    _drop(cursor, shadow.model._meta.db_table)


@contextmanager
def only_shadows(made: Sequence[Shadow]) -> Iterator[None]:
    """Refuse statements that write to other tables: a projection may write its own models only."""
    allowed = {shadow.model._meta.db_table for shadow in made}

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        for table in _WRITES.findall(sql):
            if table not in allowed and table.upper() != "SET":
                raise ReplayRefused(
                    f"The projection writes to {table}, which is not among its models, so it can't "
                    "be replayed: name the table's model in @projection(model=...)."
                )
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        yield


def _drop(cursor: Any, table: str) -> None:
    schema = "pg_temp" if connection.vendor == "postgresql" else "temp"
    cursor.execute(f'DROP TABLE IF EXISTS {schema}."{table}"')
