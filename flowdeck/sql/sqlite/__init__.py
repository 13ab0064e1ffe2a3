"""SQLite: one writer at a time, so BEGIN IMMEDIATE is the lock, and lists go in as JSON.

There is one host and one clock here, so times come from Python. Values are written as Django
writes them: UUIDs as 32 hex digits, times as text in UTC.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from flowdeck.declare.event import StoredEvent
from flowdeck.declare.registry import Subscription
from flowdeck.declare.states import HOLDING, UNFINISHED, DeliveryState, among
from flowdeck.sql.rows import (
    DeliveryRow,
    DueDelivery,
    EventRow,
    LaneRow,
    Left,
    Mark,
    Place,
    Taken,
)
from flowdeck.stored_json import read_object

APPENDS_BY_ONE_STATEMENT = False
TRACE_END = "substr(correlation_id, -7)"

_ADVANCE = """
INSERT INTO flowdeck_stream (name, head)
SELECT value ->> 0, value ->> 1 FROM json_each(%s) WHERE true ORDER BY 1
ON CONFLICT (name) DO UPDATE SET head = head + excluded.head
RETURNING name, head
"""

_INSERT_EVENT = """
INSERT INTO flowdeck_event (position, id, stream, sequence, type, version, data, metadata, key,
  correlation_id, causation_id, producer, occurred_at, recorded_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""

_TELL = "INSERT INTO flowdeck_tally (processor, told) VALUES (%s, %s)"

_INSERT_DUE = """
INSERT INTO flowdeck_due (position, processor, key, slot) VALUES (%s, %s, %s, %s)
"""

_INSERT_PENDING = """
INSERT INTO flowdeck_due (position, processor, key, slot)
SELECT value ->> 0, %s, value ->> 1, value ->> 2 FROM json_each(%s) AS t
WHERE NOT EXISTS (
  SELECT 1 FROM flowdeck_done d WHERE d.position = t.value ->> 0 AND d.processor = %s)
ON CONFLICT (position, processor) DO NOTHING RETURNING position
"""

_INSERT_DONE = """
INSERT INTO flowdeck_done (position, processor)
SELECT value, %s FROM json_each(%s) AS t
WHERE NOT EXISTS (
  SELECT 1 FROM flowdeck_due d WHERE d.position = t.value AND d.processor = %s)
ON CONFLICT (position, processor) DO NOTHING RETURNING position
"""

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

_ENVELOPE = """e.position, e.id, e.stream, e.sequence, e.type, e.version, e.data, e.metadata,
  e.key, e.correlation_id, e.causation_id, e.producer, e.occurred_at, e.recorded_at"""

_FETCH = f"""
WITH lane AS (
  SELECT value ->> 0 AS first_slot, value ->> 1 AS last_slot FROM json_each(%s)
), held AS MATERIALIZED (
  SELECT key, min(position) AS position FROM flowdeck_due
  WHERE processor = %s AND state {among(*HOLDING)}
    AND ((%s AND state {among(DeliveryState.DEAD)}) OR due_at > %s)
  GROUP BY key
)
SELECT d.attempts, {_ENVELOPE}
FROM flowdeck_due d
  LEFT JOIN held ON held.key = d.key AND held.position < d.position
  JOIN flowdeck_event e ON e.position = d.position
WHERE d.processor = %s AND d.state {among(*UNFINISHED)}
  AND (d.due_at IS NULL OR d.due_at <= %s)
  AND EXISTS (SELECT 1 FROM lane WHERE d.slot BETWEEN lane.first_slot AND lane.last_slot)
  AND held.key IS NULL
ORDER BY d.position LIMIT %s
"""

_TO_DONE = """
INSERT INTO flowdeck_done (position, processor, attempts, retried, started_at, finished_at, letter,
  fingerprint)
SELECT position, processor, %s, retried, %s, %s, letter, fingerprint
FROM flowdeck_due WHERE position = %s AND processor = %s
"""
_FROM_DUE = "DELETE FROM flowdeck_due WHERE position = %s AND processor = %s"

# A letter's number is one more than the last one's: there is one writer.
_NOT_DONE = """
UPDATE flowdeck_due
SET state = %s, attempts = %s, due_at = %s, started_at = %s, finished_at = %s,
  fingerprint = coalesce(%s, fingerprint)
WHERE position = %s AND processor = %s
"""
_NUMBER = """
UPDATE flowdeck_due SET letter = 1 + max(
  (SELECT coalesce(max(letter), 0) FROM flowdeck_due WHERE letter IS NOT NULL),
  (SELECT coalesce(max(letter), 0) FROM flowdeck_done WHERE letter IS NOT NULL))
WHERE position = %s AND processor = %s AND letter IS NULL
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
"""


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _now(after: float = 0.0) -> str:
    return _text(datetime.now(UTC) + timedelta(seconds=after))


def _moment(naive: datetime) -> datetime:
    # Django's converter has parsed the text already, without a time zone.
    return naive.replace(tzinfo=UTC)


def append(
    cursor: CursorWrapper,
    rows: Sequence[EventRow],
    fan_out: Sequence[Subscription],
    also: Collection[str] = (),
) -> dict[UUID, Place]:
    """See Dialect. There is one lock for all streams.

    Who has advanced the heads has the write lock, so positions are counted here, and the host's
    clock is read in their order.
    """
    counts = Counter(row.stream for row in rows)
    cursor.execute(_ADVANCE, [json.dumps(list(counts.items()))])
    before = {name: head - counts[name] for name, head in cursor.fetchall()}
    cursor.execute("SELECT seq FROM main.sqlite_sequence WHERE name = 'flowdeck_event'")
    found = cursor.fetchone()
    first, now = (found[0] if found else 0) + 1, datetime.now(UTC)
    places = {
        row.id: Place(first + number, before[row.stream] + row.ordinal, now)
        for number, row in enumerate(rows)
    }
    cursor.executemany(
        _INSERT_EVENT,
        [
            (
                places[row.id].position,
                row.id.hex,
                row.stream,
                places[row.id].sequence,
                row.type,
                row.version,
                row.data,
                row.metadata,
                row.key,
                row.correlation_id.hex,
                row.causation_id and row.causation_id.hex,
                row.producer,
                _text(row.occurred_at or now),
                _text(now),
            )
            for row in rows
        ],
    )
    due = [
        (places[row.id].position, one.processor, row.key, row.slot)
        for row in rows
        for one in fan_out
        if one.type == row.type and one.hears(row.stream)
    ]
    cursor.executemany(_INSERT_DUE, due)
    came = Counter(position for position, *_ in due)
    appended = [(place.position, came[place.position]) for place in places.values()]
    cursor.execute(_TELL, ["", json.dumps({"appended": appended})])
    return places


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
    now = _now()
    lease = (token.hex, _now(lease_seconds)) if token else (None, None)
    kept = (worker, _now(-kept_seconds))
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


def fetch_due(
    cursor: CursorWrapper, processor: str, lanes: Sequence[LaneRow], limit: int, parks: bool
) -> Taken:
    """See Dialect."""
    slots = json.dumps([(lane.first_slot, lane.last_slot) for lane in lanes])
    now = _now()
    cursor.execute(_FETCH, [slots, processor, parks, now, processor, now, limit])
    return Taken([_due(row) for row in cursor.fetchall()], {})


def take_due(
    cursor: CursorWrapper,
    processor: str,
    lanes: Sequence[LaneRow],
    floors: Mapping[int, int],
    limit: int,
    parks: bool,
) -> Taken:
    """See Dialect."""
    cursor.execute(_LOCK, [json.dumps([lane.id for lane in lanes]), _now()])
    locked = {row[0] for row in cursor.fetchall()}
    had = [lane for lane in lanes if lane.id in locked]
    return fetch_due(cursor, processor, had, limit, parks) if had else Taken([], {})


def _due(row: tuple) -> DueDelivery:  # type: ignore[type-arg]
    return DueDelivery(row[0], _stored(row[1:]))


def _stored(row: tuple) -> StoredEvent:  # type: ignore[type-arg]
    position, id_, stream, sequence, type_, version, data, metadata, key = row[:9]
    correlation_id, causation_id, producer, occurred_at, recorded_at = row[9:]
    return StoredEvent(
        position=position,
        id=UUID(id_),
        stream=stream,
        sequence=sequence,
        type=type_,
        version=version,
        data=data,
        metadata=read_object(metadata),
        key=key,
        correlation_id=UUID(correlation_id),
        causation_id=causation_id and UUID(causation_id),
        producer=producer,
        occurred_at=_moment(occurred_at),
        recorded_at=_moment(recorded_at),
    )


def mark(cursor: CursorWrapper, processor: str, marks: Sequence[Mark], told: str) -> None:
    """See Dialect."""
    cursor.execute(_TELL, [processor, told])
    done = [m for m in marks if m.state == DeliveryState.DONE]
    if done:
        cursor.executemany(
            _TO_DONE,
            [
                (m.attempts, _text(m.started_at), _text(m.finished_at), m.position, processor)
                for m in done
            ],
        )
        cursor.executemany(_FROM_DUE, [(m.position, processor) for m in done])
    for m in marks:
        if m.state == DeliveryState.DONE:
            continue
        due_at = None if m.due_in is None else _now(m.due_in)
        times = (_text(m.started_at), _text(m.finished_at))
        where = (m.position, processor)
        cursor.execute(_NOT_DONE, [m.state, m.attempts, due_at, *times, m.fingerprint, *where])
        if m.state == DeliveryState.DEAD:
            cursor.execute(_NUMBER, where)


def renew_leases(cursor: CursorWrapper, tokens: Sequence[UUID], lease_seconds: float) -> None:
    """See Dialect."""
    cursor.execute(_RENEW, [_now(lease_seconds), json.dumps([token.hex for token in tokens])])


def restore_settings(cursor: CursorWrapper) -> None:
    """See Dialect. Of all pragmas only this one can stop the engine."""
    cursor.execute("PRAGMA query_only = 0")


def due_processors(cursor: CursorWrapper, names: Sequence[str]) -> list[str]:
    """See Dialect."""
    cursor.execute(_DUE_PROCESSORS, [json.dumps(list(names)), _now()])
    return [row[0] for row in cursor.fetchall()]


def note_settled(cursor: CursorWrapper) -> None:
    """See Dialect. Nobody needs it here."""


def select_events(
    cursor: CursorWrapper, where: str, parameters: Sequence[Any]
) -> list[StoredEvent]:
    """See Dialect."""
    cursor.execute(f"SELECT {_ENVELOPE} FROM flowdeck_event e {where}", list(parameters))
    return [_stored(row) for row in cursor.fetchall()]


def insert_deliveries(
    cursor: CursorWrapper, processor: str, rows: Sequence[DeliveryRow], state: str
) -> None:
    """See Dialect."""
    if state == DeliveryState.DONE:
        positions = json.dumps([row[0] for row in rows])
        cursor.execute(_INSERT_DONE, [processor, positions, processor])
    else:
        cursor.execute(_INSERT_PENDING, [processor, json.dumps(list(rows)), processor])
    if came := [row[0] for row in cursor.fetchall()]:
        told = {"came": came, "settled": state == DeliveryState.DONE}
        cursor.execute(_TELL, ["", json.dumps(told)])


def make_partitions(cursor: CursorWrapper, positions: Iterable[int]) -> None:
    """See Dialect. There are none here: all is one table."""


def partitions_ahead(newest: int) -> list[int]:
    """See Dialect."""
    return []


def appending(cursor: CursorWrapper) -> frozenset[str]:
    """See Dialect. With one writer at a time, what is visible is all there is."""
    return frozenset()


def writing(cursor: CursorWrapper) -> frozenset[str]:
    """See Dialect."""
    return frozenset()
