"""Which rows a handler writes: read out of its statements, before and after each.

Statements as Django's models and queries make them are understood, and such as are written alike;
of any other one only the statement itself is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.db import DatabaseError

from flowdeck.database import connection, transaction

MOST = 200
"""Rows that are told of one handler."""
_INSERT = re.compile(r'\s*INSERT INTO\s+"?([\w.]+)"?\s*\(([^)]*)\)', re.IGNORECASE)
_UPDATE = re.compile(
    r'\s*UPDATE\s+"?([\w.]+)"?\s+SET\s+(.*?)\s+WHERE\s+(.*?)(?:\s+RETURNING\s.*)?$',
    re.IGNORECASE | re.DOTALL,
)
_DELETE = re.compile(r'\s*DELETE FROM\s+"?([\w.]+)"?\s+WHERE\s+(.*)$', re.IGNORECASE | re.DOTALL)
_CONFLICT = re.compile(r"\bON CONFLICT\s*\(([^)]*)\)", re.IGNORECASE)
_WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|TRUNCATE|MERGE|COPY|REPLACE)\b", re.IGNORECASE)
_MARK = re.compile(r"(?<!%)%s")
_SHOWN = 200

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: ``before`` is None if it is new, ``after`` if it is removed."""

    table: str
    before: Values | None
    after: Values | None


@dataclass(eq=False, slots=True)
class Written:
    """A wrapper of cursors that keeps what is written. ``unread``: statements it can't read."""

    unread: list[str] = field(default_factory=list)
    _touched: dict[tuple[str, tuple[Any, ...]], Values | None] = field(default_factory=dict)
    _new: list[Row] = field(default_factory=list)
    _looking: bool = False

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        """Look at the rows before a statement writes them."""
        text = str(sql)
        if self._looking or not _WRITES.search(text):
            return execute(sql, params, many, context)
        self._looking = True
        try:
            for each in params if many else [params]:
                if not self._look(text, list(each or ())):
                    self.unread.append(" ".join(text.split())[:_SHOWN])
                    break
        finally:
            self._looking = False
        return execute(sql, params, many, context)

    def found(self) -> tuple[Row, ...]:
        """The rows that are otherwise now than they were, in the order they were touched."""
        self._looking = True
        changed = []
        for (table, key), before in self._touched.items():
            names = _key_of(table)
            where = " AND ".join(f"{connection.ops.quote_name(name)} = %s" for name in names)
            now = _rows(table, where, list(key))
            after = now[0] if now else None
            if after != before:
                changed.append(Row(table, before, after))
        return tuple(changed + self._new)[:MOST]

    def _look(self, text: str, params: list[Any]) -> bool:
        if found := _UPDATE.match(text):
            given = len(_MARK.findall(found[2]))
            return self._before(found[1], found[3], params[given:])
        if found := _DELETE.match(text):
            return self._before(found[1], found[2], params)
        if found := _INSERT.match(text):
            return self._inserted(text, found[1], _names(found[2]), params)
        return False

    def _before(self, table: str, where: str, params: list[Any]) -> bool:
        names = _key_of(table)
        if not names:
            return False
        try:
            with transaction.atomic():
                rows = _rows(table, where, params)
        except DatabaseError:
            return False
        for row in rows:
            self._touched.setdefault((table, tuple(row[name] for name in names)), row)
        return len(rows) < MOST

    def _inserted(self, text: str, table: str, columns: list[str], params: list[Any]) -> bool:
        rows = _given(columns, params, "UNNEST" in text.upper())
        if rows is None:
            return False
        conflict = _CONFLICT.search(text)
        key = _names(conflict[1]) if conflict else list(_key_of(table))
        if not key or not set(key) <= set(columns):
            self._new += [Row(table, None, row) for row in rows]
            return True
        where = " AND ".join(f"{connection.ops.quote_name(name)} = %s" for name in key)
        own = _key_of(table)
        for row in rows:
            before = _rows(table, where, [row[name] for name in key])
            if before and own:
                self._touched.setdefault((table, tuple(before[0][name] for name in own)), before[0])
            elif set(own) <= set(columns):
                self._touched.setdefault((table, tuple(row[name] for name in own)), None)
            else:
                self._new.append(Row(table, None, row))
        return True


def _rows(table: str, where: str, params: Sequence[Any]) -> list[Values]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {_quoted(table)} WHERE {where} LIMIT {MOST}", list(params))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _given(columns: list[str], params: list[Any], arrays: bool) -> list[Values] | None:
    """The rows that are inserted, if each value of them is a parameter."""
    if arrays:
        alike = len(params) == len(columns) and all(isinstance(one, list) for one in params)
        rows = list(zip(*params, strict=True)) if alike else None
    else:
        size, rest = divmod(len(params), len(columns))
        rows = (
            None
            if rest or not size
            else [tuple(params[n * len(columns) : (n + 1) * len(columns)]) for n in range(size)]
        )
    return None if rows is None else [dict(zip(columns, row, strict=True)) for row in rows]


def _names(columns: str) -> list[str]:
    return [one.strip().strip('"') for one in columns.split(",")]


@lru_cache(maxsize=1_000)
def _key_of(table: str) -> tuple[str, ...]:
    with connection.cursor() as cursor:
        return tuple(connection.introspection.get_primary_key_columns(cursor, table) or ())


def _quoted(table: str) -> str:
    return ".".join(connection.ops.quote_name(part) for part in table.split("."))
