"""Rows of figures by their keys, many at once: read, and written whole.

Nobody but the fold writes them, one at a time, so what was read is what is written over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, models

from flowdeck.sql.parts import chunked, placeholders, rows

CHUNK = 500  # rows by one statement: SQLite takes 32,766 parameters


def read(model: type[models.Model], keys: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """All columns of the rows that have these values in the columns of the key."""
    columns, key = _columns(model)
    found = []
    for some in chunked(keys, CHUNK):
        each = f"({placeholders(key)})"
        statement = (
            f"SELECT {', '.join(columns)} FROM {model._meta.db_table} "
            f"WHERE ({', '.join(key)}) IN (VALUES {placeholders(some, each)})"
        )
        found += rows(statement, [value for one in some for value in one])
    return found


def write(model: type[models.Model], given: Sequence[Sequence[Any]]) -> None:
    """Insert rows, or write over those that are there; all columns in order of the fields."""
    columns, key = _columns(model)
    over = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    for some in chunked(given, CHUNK):
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) "
                f"VALUES {placeholders(some, f'({placeholders(columns)})')} "
                f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {over}",
                [_adapted(value) for one in some for value in one],
            )


def _columns(model: type[models.Model]) -> tuple[list[str], list[str]]:
    """Names of all columns, and of those of the key."""
    names = [one.column for one in model._meta.concrete_fields if one.column]
    return names, key_columns(model)


def key_columns(model: type[models.Model]) -> list[str]:
    """Names of the columns that name a row."""
    return [one.column for one in model._meta.pk_fields if one.column]


def _adapted(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value
