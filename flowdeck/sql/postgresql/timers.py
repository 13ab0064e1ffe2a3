"""PostgreSQL: timers are set and moved by the functions of ``timers.sql``, a round trip each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

import orjson
from django.db.backends.utils import CursorWrapper

from flowdeck.database import connection
from flowdeck.declare.registry import Subscription
from flowdeck.declare.timing import Cancel
from flowdeck.sql.postgresql import as_document, to_whom
from flowdeck.sql.timing import Fired, TimerRow
from flowdeck.telemetry import AppendedEvent

_PUT = "SELECT flowdeck_put_timers(%s, %s, %s)"
_FIRE = "SELECT flowdeck_fire(%s, %s, %s)::text"


def put(cursor: CursorWrapper, rows: Sequence[TimerRow], cancelled: Sequence[Cancel]) -> None:
    """See Timers."""
    needed = {name for row in rows for name in (row.event.stream, row.event.key)}
    heads = [
        {"name": name, "needed": name in needed}
        for name in sorted(needed | {one.stream for one in cancelled})
    ]
    documents = [
        {
            **as_document(row.event),
            "scope": row.scope,
            "stale_at": row.stale_at,
            "name": row.name,
            "seconds": row.seconds,
            "at": row.at,
            "replace": row.replace,
        }
        for row in rows
    ]
    asked = (documents, [asdict(one) for one in cancelled], heads)
    cursor.execute(_PUT, [orjson.dumps(one).decode() for one in asked])


def fire(most: int, known: Collection[str], fan_out: Sequence[Subscription]) -> Fired:
    """See Timers."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRE, [most, list(known), to_whom(fan_out)])
        told = orjson.loads(cursor.fetchone()[0])
    events = tuple(
        AppendedEvent(
            position, type_name, stream, UUID(trace), datetime.fromtimestamp(recorded, UTC)
        )
        for position, type_name, stream, trace, recorded in told["events"]
    )
    return Fired(events, told["refused"], told["more"], told["next_in"])
