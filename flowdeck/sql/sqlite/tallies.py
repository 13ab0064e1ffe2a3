"""SQLite: one writer at a time, and no rows that are dead and still in the way."""

from __future__ import annotations

from django.db.backends.utils import CursorWrapper


def prepare(cursor: CursorWrapper) -> None:
    """See Tallies."""


def snapshot(cursor: CursorWrapper) -> None:
    """See Tallies."""


def raise_floor(cursor: CursorWrapper) -> None:
    """See Tallies."""
