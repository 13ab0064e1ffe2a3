"""Writing rows by the million: COPY on PostgreSQL, one statement for many rows on SQLite."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Any
from uuid import UUID

from django.db import connection, models

Value = str | int | datetime | UUID | None
Row = tuple[Value, ...]
_CHUNK = 20_000  # rows in memory


def reserve(model: type[models.Model], number: int) -> int:
    """The first of ``number`` keys of a counted primary key that nobody else will get."""
    table, column = model._meta.db_table, model._meta.pk.column
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":  # one writer at a time, and it counts on from the highest
            cursor.execute(f"SELECT coalesce(max({column}), 0) + 1 FROM {table}")
            return int(cursor.fetchone()[0])
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, column])
        [name] = cursor.fetchone()
        cursor.execute("SELECT nextval(%s)", [name])
        [first] = cursor.fetchone()
        cursor.execute("SELECT setval(%s, %s)", [name, first + max(number, 1)])
        return int(first)


class Writer(AbstractContextManager["Writer"]):
    """Adds rows to the table of a model, with a value for each of its columns in their order.

    Nothing of the model runs: no defaults, no validation. Needs an open transaction.
    """

    def __init__(self, model: type[models.Model]) -> None:
        self._table = model._meta.db_table
        self._columns = [field.column for field in model._meta.local_concrete_fields]
        self._rows: list[Row] = []

    def add(self, *row: Value) -> None:
        """Write one row, now or with later ones."""
        self._rows.append(row)
        if len(self._rows) >= _CHUNK:
            self._flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._rows:
            self._flush()

    def _flush(self) -> None:
        columns = ", ".join(f'"{name}"' for name in self._columns)
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                places = ", ".join(["%s"] * len(self._columns))
                cursor.executemany(
                    f"INSERT INTO {self._table} ({columns}) VALUES ({places})",
                    [tuple(map(_for_sqlite, row)) for row in self._rows],
                )
            else:
                copying: Any = cursor.cursor.copy(f"COPY {self._table} ({columns}) FROM STDIN")
                with copying as copy:
                    copy.write("".join(map(_line, self._rows)))
        self._rows.clear()


def _for_sqlite(value: Value) -> Value:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ", "microseconds")
    return value.hex if isinstance(value, UUID) else value


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _line(row: Row) -> str:
    return "\t".join(map(_for_copy, row)) + "\n"


def _for_copy(value: Value) -> str:
    if value is None:
        return "\\N"
    return value.translate(_ESCAPES) if isinstance(value, str) else str(value)
