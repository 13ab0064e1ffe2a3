"""SQLite: shadows are temporary tables; there is no pooler that would hand on a connection."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db.backends.utils import CursorWrapper

_REFERENCE = re.compile(r' REFERENCES "[^"]+" \("[^"]+"\)( DEFERRABLE INITIALLY DEFERRED)?')
_INDEX_NAME = re.compile(r"^(CREATE (?:UNIQUE )?INDEX )")


def open_run(cursor: CursorWrapper, run: str) -> None:
    """See ShadowTables. Nothing is needed."""


def create(cursor: CursorWrapper, run: str, table: str) -> tuple[str, str]:
    """See ShadowTables. A plain name is looked up among the temporary tables first.

    References are left out: they can't point from a temporary table to a lasting one.
    """
    cursor.execute(f'DROP TABLE IF EXISTS temp."{table}"')  # left by a run that was interrupted
    cursor.execute(
        "SELECT type, sql FROM main.sqlite_master WHERE tbl_name = %s "
        "AND type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC",
        [table],
    )
    for kind, statement in cursor.fetchall():
        if kind == "table":
            statement = _REFERENCE.sub(
                "", statement.replace("CREATE TABLE", "CREATE TEMP TABLE", 1)
            )
        else:
            statement = _INDEX_NAME.sub(r"\1temp.", statement, count=1)
        cursor.execute(statement)
    return f'main."{table}"', f'temp."{table}"'


def enter(cursor: CursorWrapper, run: str) -> None:
    """See ShadowTables. Temporary tables come first anyway."""


def beat(cursor: CursorWrapper, run: str) -> None:
    """See ShadowTables. They end with the connection."""


def close_run(cursor: CursorWrapper, run: str, tables: Sequence[str]) -> None:
    """See ShadowTables."""
    for table in tables:
        cursor.execute(f'DROP TABLE IF EXISTS temp."{table}"')


def silent(cursor: CursorWrapper, seconds: float) -> list[str]:
    """See ShadowTables. What a killed process had built is gone with it."""
    return []


def drop_unused(cursor: CursorWrapper, run: str) -> None:
    """See ShadowTables."""
