"""PostgreSQL: claiming lanes, and taking what is due on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from flowdeck.sql.postgresql.stored import ENVELOPE, stored
from flowdeck.sql.rows import DueDelivery, LaneRow, Left, Taken

# Functions (the .sql files beside this module) do most of the work: one round trip, planned once.
_CLAIM = "SELECT * FROM flowdeck_claim(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_LEAVE = "SELECT flowdeck_leave(%s, %s, %s, %s)"
_TAKE = "SELECT * FROM flowdeck_take(%s, %s, %s, %s, %s, %s)"

_LOCK_LEASED = """
UPDATE flowdeck_lane l SET claims = 0, token = NULL, lease_expires_at = NULL,
  floor = CASE WHEN l.lowered = t.lowered THEN greatest(l.floor, t.floor) ELSE l.floor END
FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS t(id, floor, lowered)
WHERE l.id = t.id AND l.id IN (
  SELECT id FROM flowdeck_lane WHERE id = ANY(%s::bigint[]) AND token = %s ORDER BY id FOR UPDATE)
RETURNING l.id
"""

_FETCH = f"""
SELECT due.attempts, {ENVELOPE}, due.lane, due.floor
FROM flowdeck_pick(%s, %s::bigint[], %s::int[], %s::int[], %s::bigint[], %s, %s) AS due
  JOIN flowdeck_event e ON e.position = due.due_position
ORDER BY due.due_position
"""

_HOLD_LEASED = """
UPDATE flowdeck_lane SET lease_expires_at = clock_timestamp() + %s * interval '1 second'
WHERE id IN (
  SELECT id FROM flowdeck_lane
  WHERE id = ANY(%s::bigint[]) AND token = ANY(%s::uuid[]) ORDER BY id FOR UPDATE)
"""

_FETCH_FIRST = f"""
SELECT due.attempts, {ENVELOPE}
FROM flowdeck_pick_first(%s, %s::bigint[], %s::uuid[], %s::text[], %s, %s) AS due
  JOIN flowdeck_event e ON e.position = due.due_position
ORDER BY due.due_position
"""

_RENEW = """
UPDATE flowdeck_lane SET lease_expires_at = clock_timestamp() + %s * interval '1 second'
WHERE id IN (SELECT id FROM flowdeck_lane WHERE token = ANY(%s::uuid[]) FOR UPDATE SKIP LOCKED)
"""

_DUE_PROCESSORS = "SELECT flowdeck_due_processors(%s::text[])"

# Who appends has its transaction's number before any position (it has locked a stream's head), so
# all that has a position up to the newest one is visible, or never will be, once the transactions
# have ended that began before this one did. In one statement: its snapshot is older than its own
# number. A number that no transaction here has had yet is another server's: this is a copy of it.
_NOTE_SETTLED = """
INSERT INTO flowdeck_settled AS s (id, position, newest, bound)
SELECT 1, 0, coalesce(max(position), 0), pg_current_xact_id()::text::bigint FROM flowdeck_event
ON CONFLICT (id) DO UPDATE SET
  position = CASE WHEN s.bound <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    THEN s.newest ELSE s.position END,
  newest = excluded.newest, bound = excluded.bound
WHERE (s.newest > s.position OR excluded.newest > s.newest)
  AND (s.bound <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    OR s.bound > pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
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
    lease = lease_seconds if token else None
    mine: list[Any] = [processor, array(leave_out), limit, worker, kept_seconds, token, lease]
    cursor.execute(_CLAIM, [*mine, *_columns(left)])
    return [LaneRow(*row) for row in cursor.fetchall()]


def leave_lanes(cursor: CursorWrapper, worker: str, left: Sequence[Left]) -> None:
    """See Dialect."""
    cursor.execute(_LEAVE, [worker, *_columns(left)])


def lock_leased(cursor: CursorWrapper, token: UUID, left: Sequence[Left]) -> list[int]:
    """See Dialect."""
    columns = _columns(left)
    cursor.execute(_LOCK_LEASED, [*columns, columns[0], token])
    return [row[0] for row in cursor.fetchall()]


def hold_leased(
    cursor: CursorWrapper, tokens: Sequence[UUID], lanes: Sequence[int], lease_seconds: float
) -> int:
    """See Dialect."""
    cursor.execute(_HOLD_LEASED, [lease_seconds, array(lanes), list(tokens)])
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
    cursor.execute(_FETCH_FIRST, [processor, array(lanes), list(tokens), list(busy), parks, limit])
    return [DueDelivery(row[0], stored(row[1:])) for row in cursor.fetchall()]


def fetch_due(
    cursor: CursorWrapper, processor: str, lanes: Sequence[LaneRow], limit: int, parks: bool
) -> Taken:
    """See Dialect."""
    slots = [lane.first_slot for lane in lanes], [lane.last_slot for lane in lanes]
    ids, as_stored = [lane.id for lane in lanes], [None] * len(lanes)
    cursor.execute(_FETCH, [processor, ids, *slots, as_stored, parks, limit])
    return _taken(cursor.fetchall())


def take_due(
    cursor: CursorWrapper,
    processor: str,
    lanes: Sequence[LaneRow],
    floors: Mapping[int, int],
    limit: int,
    parks: bool,
) -> Taken:
    """See Dialect."""
    known = [Left(lane.id, floors.get(lane.id, 0), lane.lowered) for lane in lanes]
    cursor.execute(_TAKE, [processor, *_columns(known), parks, limit])
    return _taken(cursor.fetchall())


def renew_leases(cursor: CursorWrapper, tokens: Sequence[UUID], lease_seconds: float) -> None:
    """See Dialect."""
    cursor.execute(_RENEW, [lease_seconds, list(tokens)])


def due_processors(cursor: CursorWrapper, names: Sequence[str]) -> list[str]:
    """See Dialect."""
    cursor.execute(_DUE_PROCESSORS, [list(names)])
    return [row[0] for row in cursor.fetchall()]


def note_settled(cursor: CursorWrapper) -> None:
    """See Dialect."""
    cursor.execute(_NOTE_SETTLED)


def array(numbers: Iterable[int]) -> str:
    """As PostgreSQL writes an array: faster than psycopg's dumper."""
    return f"{{{','.join(map(str, numbers))}}}"


def _columns(left: Sequence[Left]) -> tuple[str, str, str]:
    """Arrays of lanes, floors and how often these were lowered."""
    return (
        array(one.lane for one in left),
        array(one.floor for one in left),
        array(one.lowered for one in left),
    )


def _taken(rows: Sequence[Any]) -> Taken:
    floors: dict[int, int] = {}
    due = []
    for row in rows:
        due.append(DueDelivery(row[0], stored(row[1:15])))
        floors.setdefault(row[15], row[16])
    return Taken(due, floors)
