"""Rows of figures by their keys, many at once: read, and written whole.

Nobody but the fold writes them, one at a time, so what was read is what is written over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import models

from flowdeck.database import connection
from flowdeck.sql.parts import chunked, placeholders, rows

CHUNK = 500
"""Rows by one statement: SQLite takes 32,766 parameters."""


def read(model: type[models.Model], keys: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """All columns of the rows that have these values in the columns of the key."""
    columns, key = _columns(model)
    found = []
    for some in chunked(keys, CHUNK):
        wanted, parameters = _table(model, key, some)
        statement = (
            f"SELECT {', '.join(columns)} FROM {model._meta.db_table} "
            f"WHERE ({', '.join(key)}) IN ({wanted})"
        )
        found += rows(statement, parameters)
    return found


def write(model: type[models.Model], given: Sequence[Sequence[Any]]) -> None:
    """Insert rows, or write over those that are there; all columns in order of the fields."""
    columns, key = _columns(model)
    over = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    for some in chunked(given, CHUNK):
        # WHERE, or SQLite takes ON for that of a join.
        table, parameters = _table(model, columns, some)
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) "
                f"SELECT * FROM ({table}) AS t WHERE true "
                f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {over}",
                parameters,
            )


def _table(
    model: type[models.Model], columns: Sequence[str], given: Sequence[Sequence[Any]]
) -> tuple[str, list[Any]]:
    """A table of these values, in SQL, and its parameters.

    For PostgreSQL it is one parameter, with the types of the model's table: thousands of them, put
    into the text of a statement, took most of the fold's time.
    """
    if connection.vendor == "postgresql":
        named = [dict(zip(columns, one, strict=True)) for one in given]
        table = f"json_populate_recordset(NULL::{model._meta.db_table}, %s::json)"
        return f"SELECT {', '.join(columns)} FROM {table}", [orjson.dumps(named).decode()]
    each = f"({placeholders(columns)})"
    return f"VALUES {placeholders(given, each)}", [_adapted(v) for one in given for v in one]


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
