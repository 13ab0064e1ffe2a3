"""Dates out of PostgreSQL, read by the interpreter's own parser.

psycopg's binary loader is quick, but Django needs the one written in Python, which takes 8
microseconds a date; a page of the timeline reads two thousand of them. ``datetime.fromisoformat``
takes a third of one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.backends.signals import connection_created
from psycopg.types.datetime import TimestamptzLoader


class QuickLoader(TimestamptzLoader):
    """``timestamptz`` as an aware datetime in UTC, for connections whose time zone that is."""

    timezone = UTC  # Django asks, and puts its own in place of a loader of another time zone

    def load(self, data: Any) -> datetime:
        """What PostgreSQL wrote. Raises psycopg's DataError for what no datetime can be."""
        try:
            return datetime.fromisoformat(bytes(data).decode())
        except ValueError:
            return super().load(data)


def _registered(connection: Any, **_: Any) -> None:
    if connection.vendor == "postgresql" and connection.timezone == UTC:
        connection.connection.adapters.register_loader("timestamptz", QuickLoader)


connection_created.connect(_registered, dispatch_uid="quick dates")
