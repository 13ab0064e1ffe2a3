"""PostgreSQL: taking what was gathered for a key."""

from __future__ import annotations

from collections.abc import Sequence

from flowdeck.database import connection
from flowdeck.sql.gathering import Wanted
from flowdeck.sql.postgresql.lanes import array
from flowdeck.sql.postgresql.stored import ENVELOPE, stored
from flowdeck.sql.rows import DueDelivery, LaneRow

_LOCK = """
SELECT id FROM flowdeck_lane
WHERE id = ANY(%s::bigint[]) AND (lease_expires_at IS NULL OR lease_expires_at < clock_timestamp())
ORDER BY id FOR UPDATE SKIP LOCKED
"""

_FETCH = f"""
SELECT due.attempts, {ENVELOPE}
FROM flowdeck_pick_gathered(%s, %s::int[], %s::int[], %s, %s, %s, %s) AS due
  JOIN flowdeck_event e ON e.position = due.due_position
ORDER BY due.due_position + 0
"""


def take_gathered(wanted: Wanted, lanes: Sequence[LaneRow]) -> list[DueDelivery]:
    """See Gathering. What is ready is read by a statement of its own, behind the locks."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [array(lane.id for lane in lanes)])
        locked = {row[0] for row in cursor.fetchall()}
    had = [lane for lane in lanes if lane.id in locked]
    return fetch_gathered(wanted, had) if had else []


def fetch_gathered(wanted: Wanted, lanes: Sequence[LaneRow]) -> list[DueDelivery]:
    """See Gathering."""
    slots = array(one.first_slot for one in lanes), array(one.last_slot for one in lanes)
    bounds = (wanted.parks, wanted.beyond, wanted.fill, wanted.limit)
    with connection.cursor() as cursor:
        cursor.execute(_FETCH, [wanted.processor, *slots, *bounds])
        return [DueDelivery(row[0], stored(row[1:])) for row in cursor.fetchall()]
