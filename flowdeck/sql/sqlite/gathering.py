"""SQLite: taking what was gathered for a key."""

from __future__ import annotations

import json
from collections.abc import Sequence

from flowdeck.database import connection
from flowdeck.declare.states import HOLDING, UNFINISHED, DeliveryState, among
from flowdeck.sql.gathering import Wanted
from flowdeck.sql.rows import DueDelivery, LaneRow
from flowdeck.sql.sqlite.lanes import lock_lanes
from flowdeck.sql.sqlite.stored import ENVELOPE, from_now, stored

# As flowdeck_pick_gathered on PostgreSQL, which says why.
_FETCH = f"""
WITH lane AS (
  SELECT value ->> 0 AS first_slot, value ->> 1 AS last_slot FROM json_each(%s)
), held AS MATERIALIZED (
  SELECT key, min(position) AS position FROM flowdeck_due
  WHERE processor = %s AND state {among(*HOLDING)}
    AND CASE state WHEN 'dead' THEN %s ELSE due_at > %s AND started_at IS NOT NULL END
  GROUP BY key
), waiting AS (
  SELECT d.attempts, d.position, row_number() OVER of_key AS nth,
    min(d.position) OVER whole_key AS first_one,
    count(*) OVER whole_key >= %s
      OR max(d.state <> '{DeliveryState.SLEEPING}' OR d.started_at IS NOT NULL) OVER whole_key
      OR max(d.due_at) OVER whole_key <= %s OR min(d.due_at) OVER whole_key <= %s AS ready
  FROM flowdeck_due d LEFT JOIN held ON held.key = d.key AND held.position <= d.position
  WHERE d.processor = %s AND d.state {among(*UNFINISHED)} AND held.key IS NULL
    AND EXISTS (SELECT 1 FROM lane WHERE d.slot BETWEEN lane.first_slot AND lane.last_slot)
  WINDOW whole_key AS (PARTITION BY d.key), of_key AS (PARTITION BY d.key ORDER BY d.position)
), counted AS (
  SELECT waiting.*, row_number() OVER (ORDER BY first_one, position) AS number
  FROM waiting WHERE ready AND nth <= %s
), chosen AS (
  SELECT counted.*, max(number) OVER (PARTITION BY first_one) <= %s
    OR first_one = min(first_one) OVER () AS fits
  FROM counted
)
SELECT c.attempts, {ENVELOPE}
FROM chosen c JOIN flowdeck_event e ON e.position = c.position
WHERE c.fits ORDER BY c.position
"""


def take_gathered(wanted: Wanted, lanes: Sequence[LaneRow]) -> list[DueDelivery]:
    """See Gathering."""
    with connection.cursor() as cursor:
        had = lock_lanes(cursor, lanes)
    return fetch_gathered(wanted, had) if had else []


def fetch_gathered(wanted: Wanted, lanes: Sequence[LaneRow]) -> list[DueDelivery]:
    """See Gathering."""
    slots = json.dumps([(lane.first_slot, lane.last_slot) for lane in lanes])
    now, long_ago = from_now(), from_now(-wanted.beyond)
    held = (wanted.processor, wanted.parks, now)
    ready = (wanted.fill, now, long_ago, wanted.processor)
    with connection.cursor() as cursor:
        cursor.execute(_FETCH, [slots, *held, *ready, wanted.fill, wanted.limit])
        return [DueDelivery(row[0], stored(row[1:])) for row in cursor.fetchall()]
