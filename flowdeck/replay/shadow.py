"""Shadows: empty tables that stand for a projection's read models while a replay runs.

In the run's own transactions a read model's plain name means its shadow. So a handler runs
unchanged, raw SQL included, and writes beside the live table. Nobody else's transaction can get to
it, whatever pooler stands before the database; what a killed process had built is removed by the
sweep (PostgreSQL) or with its connection (SQLite).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.db import OperationalError, models

from flowdeck.database import connection, transaction
from flowdeck.errors import ReplayRefused
from flowdeck.sql.shadows import shadow_tables

_WRITES = re.compile(r'\b(?:INSERT INTO|UPDATE|DELETE FROM|TRUNCATE)\s+(?:ONLY\s+)?"?([\w.]+)"?')
_BEAT = 10.0  # seconds
_GONE = 600.0  # seconds without a sign of life after which a run's shadows are removed


@dataclass(frozen=True, slots=True)
class Shadow:
    """One model with its two tables, both as SQL names them anywhere."""

    model: type[models.Model]
    live: str
    table: str


class Shadows:
    """Those of one run."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._beat_at = time.monotonic()
        self.all: list[Shadow] = []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction in which the plain names of the models mean their shadows."""
        with transaction.atomic():
            with connection.cursor() as cursor:
                shadow_tables().enter(cursor, self._run)
            yield

    def beat(self) -> None:
        """Say that the run is alive; costs nothing most of the time."""
        if time.monotonic() - self._beat_at > _BEAT:
            self._beat_at = time.monotonic()
            with connection.cursor() as cursor:
                shadow_tables().beat(cursor, self._run)


@contextmanager
def shadows(shadowed: Sequence[type[models.Model]]) -> Iterator[Shadows]:
    """Empty shadows of the models for the length of the block. Raises ReplayRefused."""
    made = Shadows(uuid4().hex)
    tables = [model._meta.db_table for model in shadowed]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            shadow_tables().open_run(cursor, made._run)
            for model, table in zip(shadowed, tables, strict=True):
                made.all.append(Shadow(model, *shadow_tables().create(cursor, made._run, table)))
        yield made
    finally:
        if connection.connection is not None and not connection.needs_rollback:
            with connection.cursor() as cursor:
                shadow_tables().close_run(cursor, made._run, tables)


def remove_forgotten() -> None:
    """Remove the shadows of runs whose process has died."""
    with connection.cursor() as cursor:
        forgotten = shadow_tables().silent(cursor, _GONE)
    for run in forgotten:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                shadow_tables().drop_unused(cursor, run)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != "55P03":  # in use: it lives
                raise


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
