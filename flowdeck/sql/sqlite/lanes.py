"""SQLite: claiming lanes, and taking what is due on them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from flowdeck.declare.states import HOLDING, UNFINISHED, DeliveryState, among
from flowdeck.sql.rows import DueDelivery, LaneRow, Left, Taken
from flowdeck.sql.sqlite.stored import ENVELOPE, from_now, stored

_CLAIM = f"""
UPDATE flowdeck_lane SET claims = claims + 1, worker = %s, claimed_at = %s, token = %s,
  lease_expires_at = %s
WHERE id IN (
  SELECT l.id FROM flowdeck_lane l
  WHERE l.processor = %s AND (l.lease_expires_at IS NULL OR l.lease_expires_at < %s)
    AND NOT (l.claims > 0 AND l.token IS NULL AND l.worker <> %s AND l.claimed_at > %s)
    AND l.id NOT IN (SELECT value FROM json_each(%s))
    AND EXISTS (
      SELECT 1 FROM flowdeck_due d
      WHERE d.processor = l.processor AND d.state {among(*UNFINISHED)}
        AND d.slot BETWEEN l.first_slot AND l.last_slot AND (d.due_at IS NULL OR d.due_at <= %s))
    AND NOT EXISTS (
      SELECT 1 FROM flowdeck_processorstate p
      WHERE p.name = l.processor AND p.paused_at IS NOT NULL)
  ORDER BY l.claimed_at, l.id LIMIT %s)
RETURNING id, first_slot, last_slot, claims, suspect
"""

# Nothing changes, but it makes this the one writer, however transactions of the host's begin.
_LOCK = """
UPDATE flowdeck_lane SET claims = claims
WHERE id IN (SELECT value FROM json_each(%s))
  AND (lease_expires_at IS NULL OR lease_expires_at < %s)
RETURNING id
"""

_LEAVE = """
UPDATE flowdeck_lane SET claims = 0
WHERE id IN (SELECT value FROM json_each(%s)) AND worker = %s
"""

_LOCK_LEASED = """
UPDATE flowdeck_lane SET claims = 0, token = NULL, lease_expires_at = NULL
WHERE id IN (SELECT value FROM json_each(%s)) AND token = %s
RETURNING id
"""

_FETCH = f"""
WITH lane AS (
  SELECT value ->> 0 AS first_slot, value ->> 1 AS last_slot FROM json_each(%s)
), held AS MATERIALIZED (
  SELECT key, min(position) AS position FROM flowdeck_due
  WHERE processor = %s AND state {among(*HOLDING)}
    AND ((%s AND state {among(DeliveryState.DEAD)}) OR due_at > %s)
  GROUP BY key
)
SELECT d.attempts, {ENVELOPE}
FROM flowdeck_due d
  LEFT JOIN held ON held.key = d.key AND held.position < d.position
  JOIN flowdeck_event e ON e.position = d.position
WHERE d.processor = %s AND d.state {among(*UNFINISHED)}
  AND (d.due_at IS NULL OR d.due_at <= %s)
  AND EXISTS (SELECT 1 FROM lane WHERE d.slot BETWEEN lane.first_slot AND lane.last_slot)
  AND held.key IS NULL
ORDER BY d.position LIMIT %s
"""

_FETCH_FIRST = f"""
WITH lane AS (
  SELECT first_slot, last_slot FROM flowdeck_lane
  WHERE id IN (SELECT value FROM json_each(%s)) AND token IN (SELECT value FROM json_each(%s))
    AND lease_expires_at > %s
), held AS MATERIALIZED (
  SELECT key, min(position) AS position FROM flowdeck_due
  WHERE processor = %s AND state {among(*HOLDING)}
    AND ((%s AND state {among(DeliveryState.DEAD)}) OR due_at > %s)
  GROUP BY key
), first AS (
  SELECT min(d.position) AS position FROM flowdeck_due d
    LEFT JOIN held ON held.key = d.key AND held.position < d.position
  WHERE d.processor = %s AND d.state {among(*UNFINISHED)}
    AND (d.due_at IS NULL OR d.due_at <= %s)
    AND EXISTS (SELECT 1 FROM lane WHERE d.slot BETWEEN lane.first_slot AND lane.last_slot)
    AND held.key IS NULL
    AND d.key NOT IN (SELECT value FROM json_each(%s))
    AND NOT EXISTS (
      SELECT 1 FROM flowdeck_processorstate p
      WHERE p.name = d.processor AND p.paused_at IS NOT NULL)
  GROUP BY d.key ORDER BY 1 LIMIT %s
)
SELECT d.attempts, {ENVELOPE}
FROM first
  JOIN flowdeck_due d ON d.position = first.position AND d.processor = %s
  JOIN flowdeck_event e ON e.position = d.position
ORDER BY d.position
"""

_FETCH_ONE = f"""
SELECT d.attempts, {ENVELOPE} FROM flowdeck_due d JOIN flowdeck_event e ON e.position = d.position
WHERE d.processor = %s AND d.position = %s AND d.state {among(*UNFINISHED)}
"""

_HOLD_LEASED = """
UPDATE flowdeck_lane SET lease_expires_at = %s
WHERE id IN (SELECT value FROM json_each(%s)) AND token IN (SELECT value FROM json_each(%s))
"""

_RENEW = """
UPDATE flowdeck_lane SET lease_expires_at = %s WHERE token IN (SELECT value FROM json_each(%s))
"""

_DUE_PROCESSORS = f"""
SELECT name.value FROM json_each(%s) AS name
WHERE EXISTS (
    SELECT 1 FROM flowdeck_due d
    WHERE d.processor = name.value AND d.state {among(*UNFINISHED)}
      AND (d.due_at IS NULL OR d.due_at <= %s))
  AND NOT EXISTS (
    SELECT 1 FROM flowdeck_processorstate p WHERE p.name = name.value AND p.paused_at IS NOT NULL)
  AND NOT EXISTS (
    SELECT 1 FROM flowdeck_flowcontrol f
    WHERE f.processor = name.value AND (f.not_before > %s OR f.open_until > %s))
"""


def claim_lanes(
    cursor: CursorWrapper,
    processor: str,
    limit: int,
    leave_out: Iterable[int],
    worker: str,
    kept_seconds: float,
    token: UUID | None,
    lease_seconds: float,
    left: Sequence[Left],
) -> list[LaneRow]:
    """See Dialect."""
    if left:
        leave_lanes(cursor, worker, left)
    now = from_now()
    lease = (token.hex, from_now(lease_seconds)) if token else (None, None)
    kept = (worker, from_now(-kept_seconds))
    but = json.dumps(list(leave_out))
    cursor.execute(_CLAIM, [worker, now, *lease, processor, now, *kept, but, now, limit])
    return [LaneRow(*row) for row in cursor.fetchall()]


def leave_lanes(cursor: CursorWrapper, worker: str, left: Sequence[Left]) -> None:
    """See Dialect. There are no floors here: no dead row is in the way of what is due."""
    cursor.execute(_LEAVE, [json.dumps([one.lane for one in left]), worker])


def lock_leased(cursor: CursorWrapper, token: UUID, left: Sequence[Left]) -> list[int]:
    """See Dialect."""
    cursor.execute(_LOCK_LEASED, [json.dumps([one.lane for one in left]), token.hex])
    return [row[0] for row in cursor.fetchall()]


def hold_leased(
    cursor: CursorWrapper, tokens: Sequence[UUID], lanes: Sequence[int], lease_seconds: float
) -> int:
    """See Dialect."""
    by = json.dumps([token.hex for token in tokens])
    cursor.execute(_HOLD_LEASED, [from_now(lease_seconds), json.dumps(list(lanes)), by])
    return int(cursor.rowcount)


def fetch_first(
    cursor: CursorWrapper,
    processor: str,
    lanes: Sequence[int],
    tokens: Sequence[UUID],
    busy: Sequence[str],
    limit: int,
    parks: bool,
) -> list[DueDelivery]:
    """See Dialect."""
    now, but = from_now(), json.dumps(list(busy))
    leased = (json.dumps(list(lanes)), json.dumps([token.hex for token in tokens]), now)
    cursor.execute(
        _FETCH_FIRST, [*leased, processor, parks, now, processor, now, but, limit, processor]
    )
    return [_due(row) for row in cursor.fetchall()]


def fetch_due(
    cursor: CursorWrapper, processor: str, lanes: Sequence[LaneRow], limit: int, parks: bool
) -> Taken:
    """See Dialect."""
    slots = json.dumps([(lane.first_slot, lane.last_slot) for lane in lanes])
    now = from_now()
    cursor.execute(_FETCH, [slots, processor, parks, now, processor, now, limit])
    return Taken([_due(row) for row in cursor.fetchall()], {})


def fetch_position(cursor: CursorWrapper, processor: str, position: int) -> DueDelivery | None:
    """The delivery of the event at ``position``, if it is still to be done."""
    cursor.execute(_FETCH_ONE, [processor, position])
    row = cursor.fetchone()
    return _due(row) if row else None


def take_due(
    cursor: CursorWrapper,
    processor: str,
    lanes: Sequence[LaneRow],
    floors: Mapping[int, int],
    limit: int,
    parks: bool,
) -> Taken:
    """See Dialect."""
    had = lock_lanes(cursor, lanes)
    return fetch_due(cursor, processor, had, limit, parks) if had else Taken([], {})


def lock_lanes(cursor: CursorWrapper, lanes: Sequence[LaneRow]) -> list[LaneRow]:
    """Those of the lanes that nobody has leased, this being the one writer from here on."""
    cursor.execute(_LOCK, [json.dumps([lane.id for lane in lanes]), from_now()])
    locked = {row[0] for row in cursor.fetchall()}
    return [lane for lane in lanes if lane.id in locked]


def renew_leases(cursor: CursorWrapper, tokens: Sequence[UUID], lease_seconds: float) -> None:
    """See Dialect."""
    cursor.execute(_RENEW, [from_now(lease_seconds), json.dumps([token.hex for token in tokens])])


def due_processors(cursor: CursorWrapper, names: Sequence[str]) -> list[str]:
    """See Dialect."""
    now = from_now()
    cursor.execute(_DUE_PROCESSORS, [json.dumps(list(names)), now, now, now])
    return [row[0] for row in cursor.fetchall()]


def note_settled(cursor: CursorWrapper) -> None:
    """See Dialect. Nobody needs it here."""


def _due(row: tuple) -> DueDelivery:  # type: ignore[type-arg]
    return DueDelivery(row[0], stored(row[1:]))
