"""Moments as numbers, worked out by the database: thousands of dates are slow to read."""

from __future__ import annotations

from typing import Any

from django.db.models import FloatField, IntegerField
from django.db.models.expressions import Func

_LAST = 253_402_300_799  # the last second of 9999, whose fractions SQLite has no number for


class Bin(Func):
    """The number of the stretch of ``step`` seconds that a moment lies in."""

    output_field = IntegerField()

    def __init__(self, moment: str, step: int) -> None:
        super().__init__(moment, step=int(step))

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """As SQLite says it."""
        template = "unixepoch(%(expressions)s) / %(step)s"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """As PostgreSQL says it."""
        template = "CAST(floor(extract(epoch FROM %(expressions)s) / %(step)s) AS bigint)"
        return self.as_sql(compiler, connection, template=template, **extra)


class Seconds(Func):
    """A moment as seconds since 1970."""

    output_field = FloatField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """As SQLite says it; the fraction begins with the twentieth character."""
        of = "%(expressions)s"
        whole = f"coalesce(unixepoch({of}), {_LAST})"
        template = f"CASE WHEN {of} IS NOT NULL THEN {whole} + CAST(substr({of}, 20) AS real) END"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """As PostgreSQL says it."""
        template = "CAST(extract(epoch FROM %(expressions)s) AS float8)"
        return self.as_sql(compiler, connection, template=template, **extra)
