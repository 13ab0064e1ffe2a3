"""Positions of the log: the newest one, and that of a time (the log is in order of time)."""

from __future__ import annotations

from datetime import datetime, timedelta

from flowdeck.database import connection

SLACK = timedelta(seconds=10)
"""How far positions and times may differ: both are given one after the other, and the database's
clock may be set. Whoever cuts by position adds this and then compares the times."""

# Halves the stretch of positions until one is left. Each step is two look-ups by primary key. Both
# ends in one SELECT would read the whole table on SQLite.
_SEARCH = """
WITH RECURSIVE search(low, high) AS (
  SELECT coalesce((SELECT min(position) FROM flowdeck_event), 1),
    coalesce((SELECT max(position) FROM flowdeck_event), 0) + 1
  UNION ALL
  SELECT
    CASE WHEN (SELECT recorded_at FROM flowdeck_event WHERE position >= (low + high) / 2
               ORDER BY position LIMIT 1) < %s THEN (low + high) / 2 + 1 ELSE low END,
    CASE WHEN (SELECT recorded_at FROM flowdeck_event WHERE position >= (low + high) / 2
               ORDER BY position LIMIT 1) < %s THEN high ELSE (low + high) / 2 END
  FROM search WHERE low < high
)
SELECT low FROM search WHERE low >= high
"""


def first_since(moment: datetime) -> int:
    """The lowest position recorded at ``moment`` or later, give or take ``SLACK``.

    Behind the end of the log it is the next position. One query, about 20 steps per million events.
    """
    value = connection.ops.adapt_datetimefield_value(moment)
    with connection.cursor() as cursor:
        cursor.execute(_SEARCH, [value, value])
        return int(cursor.fetchone()[0])


def newest_position() -> int:
    """The highest position that is visible; 0 for an empty log. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(position), 0) FROM flowdeck_event")
        return int(cursor.fetchone()[0])
