"""SQLite: how the database itself is doing, as far as it can tell."""

from __future__ import annotations

from django.db.backends.utils import CursorWrapper

from flowdeck.sql.health import Health, Holder


def holder(cursor: CursorWrapper) -> Holder | None:
    """See Database. Readers can't be seen."""
    return None


def size(cursor: CursorWrapper) -> int:
    """See Database."""
    cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
    return int(cursor.fetchone()[0])


def health(cursor: CursorWrapper) -> Health:
    """See Database. It is one file, without vacuum or partitions."""
    return Health(holder=None, tables=[], room=None, bytes=size(cursor))
