"""The time, as the database has it: the one clock that all processes share.

Hosts' clocks differ, and a worker whose clock is ahead must not count the others as gone, or write
what is still to come. PostgreSQL is asked now and then; in between the time is counted on by what
nobody can set. SQLite has no other clock than its host's.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from flowdeck.database import connection

_SECONDS = 10.0  # between two looks, for each process


class _Shared:
    """What the database said, and when that was on this process's own counter of seconds."""

    def __init__(self) -> None:
        self._said: tuple[datetime, float] | None = None
        self._has_none = False

    def now(self) -> datetime:
        said = self._said
        if not self._has_none and (
            said is None
            or (time.monotonic() - said[1] > _SECONDS and not connection.needs_rollback)
        ):
            # Looked up but now and then: every attempt asks for the time twice.
            if connection.vendor == "postgresql":
                self._said = _asked()
            else:
                self._has_none = True
        return self.counted()

    def counted(self) -> datetime:
        said = self._said  # of one moment: another thread may ask again meanwhile
        if said is None:
            return datetime.now(UTC)
        return said[0] + timedelta(seconds=time.monotonic() - said[1])


def _asked() -> tuple[datetime, float]:
    connection.ensure_connection()
    before = time.monotonic()
    # Not by Django's cursor: it is no query of whoever asks for the time.
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        said = cursor.fetchone()[0]
    return datetime.fromtimestamp(said, UTC), (before + time.monotonic()) / 2


_shared = _Shared()


def now() -> datetime:
    """The database's time, to some milliseconds. Raises OperationalError if it can't be had."""
    return _shared.now()


def counted() -> datetime:
    """The same for an event loop, which may not ask: counted on from what was said last.

    The host's time in a process that has not called :func:`now` yet.
    """
    return _shared.counted()
