"""Comparing a read model with its rebuilt shadow, and making it equal, by sets of rows.

Rows are matched by what names them: the primary key, or, if the database counts that up by itself,
the first unique constraint. Such a counted key is no fact of the log and is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.db import models

from flowdeck.database import connection
from flowdeck.errors import ReplayRefused
from flowdeck.replay.shadow import Shadow

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that differs. ``live`` and ``rebuilt`` hold the values of the columns that do.

    None stands for a row that is missing on that side.
    """

    model: str
    row: str
    live: dict[str, str] | None
    rebuilt: dict[str, str] | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        """One line for terminals."""
        if self.live is None:
            return f"{self.model} {self.row}: missing in the live table"
        if self.rebuilt is None:
            return f"{self.model} {self.row}: in the live table, but not in the log"
        changes = (f"{name} is {self.live[name]}, not {self.rebuilt[name]}" for name in self.live)
        return f"{self.model} {self.row}: {', '.join(changes)}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one model compares: rows in the shadow, rows that differ, and the first of those."""

    model: str
    rows: int
    differing: int
    shown: list[Difference]


def natural_key(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """The fields that name a row of ``model`` in the log's own terms. Raises ReplayRefused."""
    meta = model._meta
    if not isinstance(meta.pk, models.AutoField):
        return [meta.pk]
    for constraint in meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and not constraint.condition:
            return [_concrete(model, name) for name in constraint.fields]
    for names in meta.unique_together:
        return [_concrete(model, name) for name in names]
    for field in meta.concrete_fields:
        if field.unique and not field.primary_key:
            return [field]
    raise ReplayRefused(
        f"{meta.label} has no unique fields of its own but a counted id, so its rows can't be told "
        "apart: give it a primary key or a UniqueConstraint of fields from the events."
    )


def compare(shadow: Shadow) -> Comparison:
    """Compare the live table with its shadow: an exact count, and the first differing rows."""
    table = _Table(shadow)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {shadow.table}")
        rows = cursor.fetchone()[0]
        cursor.execute(f"SELECT count(*) FROM {table.joined}")
        differing = cursor.fetchone()[0]
        shown = list(table.differences(cursor)) if differing else []
    return Comparison(shadow.model._meta.label, rows, differing, shown)


def make_equal(shadow: Shadow) -> None:
    """Make the live table's rows those of the shadow; touches only rows that differ.

    To be called in a transaction: readers see the old rows until its commit, then the new ones.
    """
    table = _Table(shadow)
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {shadow.live} AS l WHERE NOT EXISTS "
            f"(SELECT 1 FROM {shadow.table} AS s WHERE {table.same_row})"
        )
        if table.others:
            assignments = ", ".join(f"{name} = s.{name}" for name in table.others)
            cursor.execute(
                f"UPDATE {shadow.live} AS l SET {assignments} FROM {shadow.table} AS s "
                f"WHERE {table.same_row} AND ({table.changed})"
            )
        columns = ", ".join(table.columns)
        cursor.execute(
            f"INSERT INTO {shadow.live} ({columns}) SELECT {columns} FROM {shadow.table} AS s "
            f"WHERE NOT EXISTS (SELECT 1 FROM {shadow.live} AS l WHERE {table.same_row})"
        )


class _Table:
    """The pieces of SQL that compare one live table (l) with its shadow (s)."""

    def __init__(self, shadow: Shadow) -> None:
        quote = connection.ops.quote_name
        key = natural_key(shadow.model)
        self._label = shadow.model._meta.label
        self.key = [quote(str(field.column)) for field in key]
        self.others = [
            quote(str(field.column))
            for field in shadow.model._meta.concrete_fields
            if field not in key and not isinstance(field, models.AutoField)
        ]
        self.columns = [*self.key, *self.others]
        self.same_row = " AND ".join(f"l.{name} = s.{name}" for name in self.key)
        differs = "IS DISTINCT FROM" if connection.vendor == "postgresql" else "IS NOT"
        self.changed = " OR ".join(f"l.{name} {differs} s.{name}" for name in self.others) or "1=0"
        self.joined = (
            f"{shadow.live} AS l FULL JOIN {shadow.table} AS s ON {self.same_row} "
            f"WHERE l.{self.key[0]} IS NULL OR s.{self.key[0]} IS NULL OR {self.changed}"
        )

    def differences(self, cursor: Any) -> Iterator[Difference]:
        """The first differing rows, in order of their key."""
        selected = ", ".join(
            [f"l.{name}" for name in self.columns] + [f"s.{name}" for name in self.columns]
        )
        order = ", ".join(f"coalesce(l.{name}, s.{name})" for name in self.key)
        cursor.execute(f"SELECT {selected} FROM {self.joined} ORDER BY {order} LIMIT {SHOWN}")
        width, keys = len(self.columns), len(self.key)
        for values in cursor.fetchall():
            live, rebuilt = values[:width], values[width:]
            row = " / ".join(str(v) for v in (rebuilt if live[0] is None else live)[:keys])
            if live[0] is None or rebuilt[0] is None:
                there = self._named(rebuilt if live[0] is None else live)
                yield Difference(
                    self._label,
                    row,
                    None if live[0] is None else there,
                    None if rebuilt[0] is None else there,
                )
                continue
            changed = [n for n in range(keys, width) if live[n] != rebuilt[n]]
            yield Difference(
                self._label, row, self._named(live, changed), self._named(rebuilt, changed)
            )

    def _named(self, values: Any, chosen: list[int] | None = None) -> dict[str, str]:
        numbers = range(len(self.key), len(self.columns)) if chosen is None else chosen
        return {self.columns[n].strip('"'): str(values[n]) for n in numbers}


def _concrete(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    return field
