"""Installing the database's own part: the functions, triggers and indexes of the ``.sql`` files.

To change one, edit its file and add a migration that installs the new text::

    operations = [Install("due")]
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import router
from django.db.migrations.operations.base import Operation

_FOLDER = Path(__file__).parent


def text(vendor: str, name: str) -> str:
    """The file ``name`` of a database, or "" where that database has none."""
    file = _FOLDER / vendor / f"{name}.sql"
    return file.read_text() if file.exists() else ""


def names(vendor: str) -> list[str]:
    """All files of a database."""
    return sorted(file.stem for file in (_FOLDER / vendor).glob("*.sql"))


def statements(sql: str) -> Iterator[str]:
    """The statements of a file, one by one: SQLite takes no more at once."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


class Install(Operation):
    """Run files of ``sql/`` as they are now. Each may be run again: it replaces what is there.

    There is no way back to a former text, so a migration backwards leaves what is there.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, *files: str) -> None:
        self.files = files

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Models are as before."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Run each file that this database has, if the tables are to lie in it."""
        if not router.allow_migrate(schema_editor.connection.alias, app_label):
            return
        vendor = schema_editor.connection.vendor
        for name in self.files:
            sql = text(vendor, name)
            parts = statements(sql) if vendor == "sqlite" else filter(None, [sql])
            for part in parts:
                schema_editor.execute(part, params=None)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Leave what is there: tables that are dropped take their triggers along."""

    def describe(self) -> str:
        """What ``migrate --plan`` says."""
        return f"Install {', '.join(self.files)}"

    def deconstruct(self) -> Any:
        """Name and arguments, as migrations need them."""
        return (type(self).__name__, list(self.files), {})
