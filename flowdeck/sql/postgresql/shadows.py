"""PostgreSQL: shadows are unlogged tables in a schema of the run's own.

Only transactions that put the schema on their own search path find them, so nobody else does,
whoever gets the server's connection next from a pooler. The schema's comment is when the run was
last known to be alive.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import ProgrammingError
from django.db.backends.utils import CursorWrapper

from flowdeck.errors import ReplayRefused

_PREFIX = "flowdeck_run_"
_NEEDS_CREATE = "42501"
_SIGN = """
DO $$ BEGIN
  EXECUTE format('COMMENT ON SCHEMA %%I IS %%L', '{}', extract(epoch FROM clock_timestamp()));
END $$
"""
_SILENT = f"""
SELECT nspname FROM pg_namespace n
WHERE nspname LIKE '{_PREFIX.replace("_", chr(92) + "_")}%%'
  AND pg_has_role(nspowner, 'USAGE') AND extract(epoch FROM clock_timestamp())
    - coalesce(obj_description(n.oid, 'pg_namespace')::float8, 0) > %s
"""


def open_run(cursor: CursorWrapper, run: str) -> None:
    """See ShadowTables."""
    try:
        cursor.execute(f'CREATE SCHEMA "{_PREFIX}{run}"')
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) != _NEEDS_CREATE:
            raise
        raise ReplayRefused(
            "A replay builds beside the live tables, in a schema of its own: GRANT CREATE ON "
            f"DATABASE {cursor.db.settings_dict['NAME']} to {cursor.db.settings_dict['USER']}."
        ) from error
    beat(cursor, run)


def create(cursor: CursorWrapper, run: str, table: str) -> tuple[str, str]:
    """See ShadowTables."""
    cursor.execute(
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %s::regclass",
        [f'"{table}"'],
    )
    live: str = cursor.fetchone()[0]
    shadow = f'"{_PREFIX}{run}"."{table}"'
    cursor.execute(f"CREATE UNLOGGED TABLE {shadow} (LIKE {live} INCLUDING ALL)")
    return live, shadow


def enter(cursor: CursorWrapper, run: str) -> None:
    """See ShadowTables."""
    cursor.execute(
        "SELECT set_config('search_path', %s || ', ' || current_setting('search_path'), true)",
        [f'"{_PREFIX}{run}"'],
    )


def beat(cursor: CursorWrapper, run: str) -> None:
    """See ShadowTables."""
    cursor.execute(_SIGN.format(f"{_PREFIX}{run}"), [])


def close_run(cursor: CursorWrapper, run: str, tables: Sequence[str]) -> None:
    """See ShadowTables."""
    cursor.execute(f'DROP SCHEMA IF EXISTS "{_PREFIX}{run}" CASCADE')


def silent(cursor: CursorWrapper, seconds: float) -> list[str]:
    """See ShadowTables."""
    cursor.execute(_SILENT, [seconds])
    return [name.removeprefix(_PREFIX) for (name,) in cursor.fetchall()]


def drop_unused(cursor: CursorWrapper, run: str) -> None:
    """See ShadowTables."""
    cursor.execute("SELECT set_config('lock_timeout', '200ms', true)")
    close_run(cursor, run, ())
