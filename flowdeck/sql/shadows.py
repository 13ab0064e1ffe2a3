"""The statements of shadows, once per database: :class:`ShadowTables` says what both offer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

from flowdeck.database import connection
from flowdeck.sql.modules import module_of

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper


class ShadowTables(Protocol):
    """Empty tables of the names and shapes of live ones, which one run of a replay writes to.

    ``run`` is small letters, digits and ``_``. A plain name means the shadow in transactions that
    ``enter``, and the live table everywhere else (SQLite: on the run's connection, the shadow).
    """

    def open_run(self, cursor: CursorWrapper, run: str) -> None:
        """Before the first shadow. Raises ReplayRefused if the database user may not."""

    def create(self, cursor: CursorWrapper, run: str, table: str) -> tuple[str, str]:
        """Create one, and tell by what names the live table and it are known anywhere."""

    def enter(self, cursor: CursorWrapper, run: str) -> None:
        """At the beginning of a transaction of the run: let plain names mean shadows in it."""

    def beat(self, cursor: CursorWrapper, run: str) -> None:
        """Say that the run is alive."""

    def close_run(self, cursor: CursorWrapper, run: str, tables: Sequence[str]) -> None:
        """Remove what it has built."""

    def silent(self, cursor: CursorWrapper, seconds: float) -> list[str]:
        """Runs that have not beaten for so long, whose shadows are still there."""

    def drop_unused(self, cursor: CursorWrapper, run: str) -> None:
        """Remove what a silent run has built; raises OperationalError if it is in use after all."""


def shadow_tables() -> ShadowTables:
    """The module for the default database. Raises ImproperlyConfigured for other databases."""
    return cast(ShadowTables, module_of(f"{connection.vendor}.shadows"))
