"""PostgreSQL: a start is handed out by the function of ``claim_limited.sql``, in one round trip."""

from __future__ import annotations

from collections.abc import Iterable

from flowdeck.database import connection
from flowdeck.declare.states import UNFINISHED, DeliveryState, among
from flowdeck.sql.postgresql.lanes import array
from flowdeck.sql.postgresql.stored import ENVELOPE, stored
from flowdeck.sql.rows import DueDelivery, LaneRow
from flowdeck.sql.starting import AHEAD, Asked, Start

_CLAIM = "SELECT * FROM flowdeck_claim_{}(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_FETCH = f"""
SELECT d.attempts, {ENVELOPE} FROM flowdeck_due d JOIN flowdeck_event e ON e.position = d.position
WHERE d.processor = %s AND d.position = %s AND d.state {among(*UNFINISHED)}
"""
_ASSIGN = f"""
UPDATE flowdeck_due d SET grp = left(coalesce(nullif(e.data ->> %s, ''), '(none)'), 200)
FROM flowdeck_event e
WHERE d.processor = %s AND d.grp IS NULL AND d.state {among(*UNFINISHED, DeliveryState.DEAD)}
  AND e.position = d.position
"""


def claim_start(asked: Asked, leave_out: Iterable[int]) -> Start | None:
    """See Starts."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM.format("grouped" if asked.grouped else "limited"),
            [
                asked.processor,
                array(leave_out),
                asked.worker,
                asked.token,
                asked.lease_seconds,
                asked.parks,
                asked.concurrent,
                asked.every,
                asked.burst,
                AHEAD,
            ],
        )
        row = cursor.fetchone()
    return Start(LaneRow(*row[:7]), *row[7:]) if row else None


def fetch_one(processor: str, position: int) -> DueDelivery | None:
    """See Starts."""
    with connection.cursor() as cursor:
        cursor.execute(_FETCH, [processor, position])
        row = cursor.fetchone()
    return DueDelivery(row[0], stored(row[1:])) if row else None


def assign_groups(processor: str, by: str) -> None:
    """See Starts."""
    with connection.cursor() as cursor:
        cursor.execute(_ASSIGN, [by, processor])
