"""PostgreSQL: arrays in, row locks with SKIP LOCKED, the database's clock.

Two rules: lanes are locked in one statement and deliveries are read in
the next one, or the read sees a snapshot older than the lock; and under READ COMMITTED only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.backends.utils import CursorWrapper

from flowdeck.declare.event import StoredEvent
from flowdeck.declare.registry import Subscription
from flowdeck.declare.states import DeliveryState
from flowdeck.errors import ReplicaCantTell
from flowdeck.sql.postgresql.lanes import (
    array,
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
from flowdeck.sql.postgresql.partitions import (
    make_partitions,
    partitions_ahead,
    raising_partition_missing,
    removable,
    remove_done,
)
from flowdeck.sql.postgresql.stored import ENVELOPE, WRITTEN, stored
from flowdeck.sql.rows import DeliveryRow, EventRow, Mark, Place

__all__ = [
    "claim_lanes",
    "due_processors",
    "fetch_due",
    "fetch_first",
    "hold_leased",
    "leave_lanes",
    "lock_leased",
    "make_partitions",
    "note_settled",
    "partitions_ahead",
    "removable",
    "remove_done",
    "renew_leases",
    "take_due",
]

APPENDS_BY_ONE_STATEMENT = True
TRACE_END = '"right"(correlation_id::text, 7)'

_JSON = ("data", "metadata")
_PLAIN = [name for name in EventRow.__slots__ if name not in (*_JSON, "ordinal")]

# Functions (the .sql files beside this module) do most of the work: one round trip, planned once.
_APPEND = "SELECT * FROM flowdeck_append(%s, %s, %s)"

# What is told goes with the first statement of a mark: no round trip of its own.
_TOLD = "WITH told AS (INSERT INTO flowdeck_tally (processor, told) VALUES (%s, %s))"

# Positions are given twice so that rows are found by index whatever the planner thinks of the join.
_DONE = f"""
{_TOLD}, gone AS (
  DELETE FROM flowdeck_due d
  USING json_to_recordset(%s::json) AS t(position bigint, attempts smallint,
    started_at timestamptz, finished_at timestamptz)
  WHERE d.position = t.position AND d.processor = %s AND d.position = ANY(%s::bigint[])
  RETURNING d.position, d.processor, t.attempts, d.retried, t.started_at, t.finished_at, d.letter,
    d.fingerprint
)
INSERT INTO flowdeck_done (position, processor, attempts, retried, started_at, finished_at, letter,
  fingerprint)
SELECT * FROM gone ORDER BY position
"""

_DONE_ALIKE = f"""
{_TOLD}, gone AS (
  DELETE FROM flowdeck_due WHERE processor = %s AND position = ANY(%s::bigint[])
  RETURNING position, processor, retried, letter, fingerprint
)
INSERT INTO flowdeck_done (position, processor, attempts, retried, started_at, finished_at, letter,
  fingerprint)
SELECT position, processor, %s, retried, %s, %s, letter, fingerprint FROM gone ORDER BY position
"""

_NOT_DONE = """
UPDATE flowdeck_due d
SET state = t.state, attempts = t.attempts, started_at = t.started_at, finished_at = t.finished_at,
  due_at = clock_timestamp() + t.due_in * interval '1 second',
  fingerprint = coalesce(t.fingerprint, d.fingerprint),
  letter = CASE t.state WHEN 'dead' THEN coalesce(d.letter, nextval('flowdeck_letter'))
    ELSE d.letter END
FROM json_to_recordset(%s::json) AS t(position bigint, state text, attempts smallint, due_in float8,
  started_at timestamptz, finished_at timestamptz, fingerprint text)
WHERE d.position = t.position AND d.processor = %s AND d.position = ANY(%s::bigint[])
"""

_INSERT_PENDING = """
WITH new AS (INSERT INTO flowdeck_due (position, processor, key, slot)
SELECT t.position, %s, t.key, t.slot
FROM unnest(%s::bigint[], %s::text[], %s::int[]) AS t(position, key, slot)
WHERE NOT EXISTS (
  SELECT 1 FROM flowdeck_done d WHERE d.position = t.position AND d.processor = %s)
ON CONFLICT (position, processor) DO NOTHING RETURNING position)
INSERT INTO flowdeck_tally (told)
SELECT json_build_object('came', json_agg(position), 'settled', false) FROM new HAVING count(*) > 0
"""

_INSERT_DONE = """
WITH new AS (INSERT INTO flowdeck_done (position, processor)
SELECT t.position, %s FROM unnest(%s::bigint[]) AS t(position)
WHERE NOT EXISTS (
  SELECT 1 FROM flowdeck_due d WHERE d.position = t.position AND d.processor = %s)
ON CONFLICT (position, processor) DO NOTHING RETURNING position)
INSERT INTO flowdeck_tally (told)
SELECT json_build_object('came', json_agg(position), 'settled', true) FROM new HAVING count(*) > 0
"""

_UNDER_WAY = """
SELECT pg_is_in_recovery(), array(
  SELECT virtualtransaction FROM pg_locks
  WHERE granted AND pid IS DISTINCT FROM pg_backend_pid() AND {})
"""
_APPENDING = _UNDER_WAY.format("""locktype = 'relation' AND mode = 'RowExclusiveLock'
  AND relation = 'flowdeck_event'::regclass
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())""")
_WRITING = _UNDER_WAY.format("locktype = 'transactionid' AND mode = 'ExclusiveLock'")

# First what could stop the second statement.
_NO_TIMEOUTS = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"
_RESTORE = """
SELECT set_config(name, reset_val, NOT %s) FROM pg_settings
WHERE source = 'session' AND context IN ('user', 'superuser') AND (%s OR setting <> reset_val)
  AND name NOT LIKE 'transaction\\_%%'
"""


def as_document(row: EventRow) -> dict[str, Any]:
    """An event as the functions take it, among others in one JSON document.

    psycopg's array dumper costs more than the INSERT itself. Payload and metadata are JSON text
    already and are embedded as they are.
    """
    document = {name: getattr(row, name) for name in _PLAIN}
    for name in _JSON:
        document[name] = orjson.Fragment(getattr(row, name))
    return document


def _as_json(rows: Sequence[EventRow], counts: Mapping[str, int]) -> str:
    documents = []
    for row in rows:
        document = as_document(row)
        document["behind"] = counts[row.stream] - row.ordinal
        documents.append(document)
    return orjson.dumps(documents).decode()


def append(
    cursor: CursorWrapper,
    rows: Sequence[EventRow],
    fan_out: Sequence[Subscription],
    also: Collection[str] = (),
) -> dict[UUID, Place]:
    """See Dialect."""
    counts: dict[str, int] = {row.stream: row.ordinal for row in rows}  # the last one counts all
    keys = {row.key for row in rows if row.key != row.stream}
    heads = [{"name": name, "n": counts.get(name, 0)} for name in sorted({*counts, *keys, *also})]
    cursor.execute(
        _APPEND, [_as_json(rows, counts), orjson.dumps(heads).decode(), to_whom(fan_out)]
    )
    return {
        event: Place(position, sequence, datetime.fromtimestamp(recorded, UTC))
        for event, position, sequence, recorded in cursor.fetchall()
    }


def to_whom(fan_out: Sequence[Subscription]) -> str:
    """The subscriptions as the functions take them."""
    told = []
    for one in fan_out:
        to = {"type": one.type, "processor": one.processor, "prefix": one.streams}
        asked = {"by": one.by or None, "gathered": one.gathered}
        told.append({**to, **{name: value for name, value in asked.items() if value is not None}})
    return orjson.dumps(told).decode()


def mark(cursor: CursorWrapper, processor: str, marks: Sequence[Mark], told: str) -> None:
    """See Dialect."""
    done = [m for m in marks if m.state == DeliveryState.DONE]
    if done:
        with raising_partition_missing(m.position for m in done):
            _mark_done(cursor, processor, done, told)
    if len(done) < len(marks):
        others = [m for m in marks if m.state != DeliveryState.DONE]
        which = [orjson.dumps(others).decode(), processor, _positions(others)]
        if done:
            cursor.execute(_NOT_DONE, which)
        else:
            cursor.execute(f"{_TOLD} {_NOT_DONE}", [processor, told, *which])


def _mark_done(cursor: CursorWrapper, processor: str, done: Sequence[Mark], told: str) -> None:
    first, which = done[0], (processor, _positions(done))
    if all(m.finished_at is first.finished_at and m.attempts == first.attempts for m in done):
        alike = (first.attempts, first.started_at, first.finished_at)
        cursor.execute(_DONE_ALIKE, [processor, told, *which, *alike])  # a batch handler
    else:
        cursor.execute(_DONE, [processor, told, orjson.dumps(done).decode(), *which])


def _positions(marks: Iterable[Mark]) -> str:
    return array(m.position for m in marks)


def restore_settings(cursor: CursorWrapper, lasting: bool) -> None:
    """See Dialect. A pooler keeps its connection when ours is closed, so it has to be clean."""
    cursor.execute(_NO_TIMEOUTS)
    cursor.execute(_RESTORE, [lasting, lasting])
    if lasting:
        cursor.execute("SELECT pg_advisory_unlock_all()")


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
    positions = [row[0] for row in rows]
    if state == DeliveryState.DONE:
        make_partitions(cursor, positions)
        cursor.execute(_INSERT_DONE, [processor, positions, processor])
        return
    keys, slots = [row[1] for row in rows], [row[2] for row in rows]
    cursor.execute(_INSERT_PENDING, [processor, positions, keys, slots, processor])


def appending(cursor: CursorWrapper) -> frozenset[str]:
    """See Dialect.

    Who inserts into a table holds its lock from before the first row has its position until its
    commit can be seen. Snapshots tell less: their xmax is behind transactions that began after the
    last one that ended, and their xmin waits for whoever writes anything at all.
    """
    return _under_way(cursor, _APPENDING)


def writing(cursor: CursorWrapper) -> frozenset[str]:
    """See Dialect."""
    return _under_way(cursor, _WRITING)


def _under_way(cursor: CursorWrapper, query: str) -> frozenset[str]:
    cursor.execute(query)
    on_replica, names = cursor.fetchone()
    if on_replica:
        raise ReplicaCantTell(
            f"{cursor.db.alias!r} is a read replica, which can't tell what is under way: ask the "
            "primary up to where the log is settled."
        )
    return frozenset(names)
