"""SQLite: one writer at a time, so BEGIN IMMEDIATE is the lock, and lists go in as JSON.

There is one host and one clock here, so times come from Python. Values are written as Django
writes them: UUIDs as 32 hex digits, times as text in UTC.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from flowdeck.declare.event import StoredEvent
from flowdeck.declare.registry import Subscription
from flowdeck.declare.states import DeliveryState
from flowdeck.sql.rows import DeliveryRow, EventRow, Mark, Place
from flowdeck.sql.sqlite.lanes import (
    claim_lanes,
    due_processors,
    fetch_due,
    fetch_first,
    hold_leased,
    leave_lanes,
    lock_leased,
    note_settled,
    renew_leases,
    take_due,
)
from flowdeck.sql.sqlite.stored import ENVELOPE, WRITTEN, from_now, stored, text

__all__ = [
    "claim_lanes",
    "due_processors",
    "fetch_due",
    "fetch_first",
    "hold_leased",
    "leave_lanes",
    "lock_leased",
    "note_settled",
    "renew_leases",
    "take_due",
]

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

_SUBSCRIBED = """
SELECT type, processor, streams, grouped_by, gathered FROM flowdeck_subscription
WHERE type IN (SELECT value FROM json_each(%s))
"""

_TELL = "INSERT INTO flowdeck_tally (processor, told) VALUES (%s, %s)"

_INSERT_DUE = """
INSERT INTO flowdeck_due (position, processor, key, slot, grp, state, due_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""

_INSERT_PENDING = """
INSERT INTO flowdeck_due (position, processor, key, slot)
SELECT value ->> 0, %s, value ->> 1, value ->> 2 FROM json_each(%s) AS t
WHERE NOT EXISTS (
  SELECT 1 FROM flowdeck_done d WHERE d.position = t.value ->> 0 AND d.processor = %s)
ON CONFLICT (position, processor) DO NOTHING RETURNING position
"""

_REMOVED_AT_ONCE = 5_000
_REMOVE_DONE = """
DELETE FROM flowdeck_done WHERE (position, processor) IN (
  SELECT position, processor FROM flowdeck_done WHERE position <= %s ORDER BY position LIMIT %s)
"""
_INSERT_DONE = """
INSERT INTO flowdeck_done (position, processor)
SELECT value, %s FROM json_each(%s) AS t
WHERE NOT EXISTS (
  SELECT 1 FROM flowdeck_due d WHERE d.position = t.value AND d.processor = %s)
ON CONFLICT (position, processor) DO NOTHING RETURNING position
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
                text(row.occurred_at or now),
                text(now),
            )
            for row in rows
        ],
    )
    hearing = _with_unknown(cursor, rows, fan_out)
    due = [
        (
            places[row.id].position,
            one.processor,
            row.key,
            row.slot,
            _group(row, one.by),
            *_state(one, now),
        )
        for row in rows
        for one in hearing
        if one.type == row.type and one.hears(row.stream)
    ]
    cursor.executemany(_INSERT_DUE, due)
    came = Counter(position for position, *_ in due)
    appended = [(place.position, came[place.position]) for place in places.values()]
    cursor.execute(_TELL, ["", json.dumps({"appended": appended})])
    return places


def _with_unknown(
    cursor: CursorWrapper, rows: Sequence[EventRow], fan_out: Sequence[Subscription]
) -> list[Subscription]:
    """And what workers have said of processors that the caller's code does not know to hear it."""
    cursor.execute(_SUBSCRIBED, [json.dumps(sorted({row.type for row in rows}))])
    known = {(one.type, one.processor) for one in fan_out}
    told = [Subscription(*row) for row in cursor.fetchall()]
    return [*fan_out, *(one for one in told if (one.type, one.processor) not in known)]


def _state(one: Subscription, now: datetime) -> tuple[str, str | None]:
    """That of a new delivery, and until when it waits for others of its key."""
    if one.gathered is None:
        return DeliveryState.PENDING, None
    return DeliveryState.SLEEPING, text(now + timedelta(seconds=one.gathered))


def _group(row: EventRow, by: str) -> str | None:
    if not by:
        return None
    value = json.loads(row.data).get(by) or "(none)"
    return str(value)[:200]


def mark(cursor: CursorWrapper, processor: str, marks: Sequence[Mark], told: str) -> None:
    """See Dialect."""
    cursor.execute(_TELL, [processor, told])
    done = [m for m in marks if m.state == DeliveryState.DONE]
    if done:
        cursor.executemany(
            _TO_DONE,
            [
                (m.attempts, text(m.started_at), text(m.finished_at), m.position, processor)
                for m in done
            ],
        )
        cursor.executemany(_FROM_DUE, [(m.position, processor) for m in done])
    for m in marks:
        if m.state == DeliveryState.DONE:
            continue
        due_at = None if m.due_in is None else from_now(m.due_in)
        times = (text(m.started_at), text(m.finished_at))
        where = (m.position, processor)
        cursor.execute(_NOT_DONE, [m.state, m.attempts, due_at, *times, m.fingerprint, *where])
        if m.state == DeliveryState.DEAD:
            cursor.execute(_NUMBER, where)


def restore_settings(cursor: CursorWrapper, lasting: bool) -> None:
    """See Dialect. Of all pragmas only this one can stop the engine."""
    cursor.execute("PRAGMA query_only = 0")


def select_events(
    cursor: CursorWrapper, where: str, parameters: Sequence[Any], *, as_written: bool = False
) -> list[StoredEvent]:
    """See Dialect."""
    columns = WRITTEN if as_written else ENVELOPE
    cursor.execute(f"SELECT {columns} FROM flowdeck_event e {where}", list(parameters))
    return [stored(row) for row in cursor.fetchall()]


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


def removable(upto: int) -> int:
    """See Dialect. Each row can."""
    return max(0, upto)


def remove_done(cursor: CursorWrapper, upto: int) -> bool:
    """See Dialect."""
    cursor.execute(_REMOVE_DONE, [upto, _REMOVED_AT_ONCE])
    return int(cursor.rowcount) == _REMOVED_AT_ONCE


def partitions_ahead(newest: int) -> list[int]:
    """See Dialect."""
    return []


def appending(cursor: CursorWrapper) -> frozenset[str]:
    """See Dialect. With one writer at a time, what is visible is all there is."""
    return frozenset()


def writing(cursor: CursorWrapper) -> frozenset[str]:
    """See Dialect."""
    return frozenset()
