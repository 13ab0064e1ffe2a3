"""Retention: closed streams are moved from the log into a file, verified before they are removed.

A stream is closed if nothing happened in it for long, all its deliveries are done, and its traces
lie in it alone, so that nothing that stays refers to what goes. Its head stays: sequences go on.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from flowdeck.database import connection, transaction
from flowdeck.declare.event import StoredEvent
from flowdeck.errors import ArchiveRefused
from flowdeck.log.positions import SLACK, first_since, newest_position
from flowdeck.models import Archive, ArchivedStream, Event, ImportedRange, Stream
from flowdeck.people import audit
from flowdeck.sql import dialect
from flowdeck.sql.parts import chunked, placeholders, rows
from flowdeck.transfer.cloudevents import dumped, loaded
from flowdeck.transfer.importing import same_content

MOST_STREAMS = 10_000
_CHUNK = 200  # streams read or removed by one statement

# Of the streams that begin in a stretch of the log. The last event of each is looked up by index.
_CLOSED = """
SELECT s.stream FROM (
  SELECT stream, min(position) AS first FROM flowdeck_event
  WHERE position > %s AND position <= %s AND substr(stream, 1, %s) = %s GROUP BY stream
) AS s
WHERE (SELECT recorded_at FROM flowdeck_event l WHERE l.stream = s.stream
    ORDER BY l.sequence DESC LIMIT 1) < %s
AND NOT EXISTS (
  SELECT 1 FROM flowdeck_event b WHERE b.stream = s.stream AND b.position < s.first
) AND NOT EXISTS (
  SELECT 1 FROM flowdeck_event e JOIN flowdeck_due d ON d.position = e.position
  WHERE e.stream = s.stream
) AND NOT EXISTS (
  SELECT 1 FROM flowdeck_event e JOIN flowdeck_event o ON o.correlation_id = e.correlation_id
  WHERE e.stream = s.stream AND o.stream <> s.stream
)
ORDER BY s.first LIMIT %s
"""
_STRETCH = 20_000  # positions

_OF_EVENTS = (
    "flowdeck_answer",
    "flowdeck_attempt",
    "flowdeck_auditeddelivery",
    "flowdeck_correction",
    "flowdeck_due",
    "flowdeck_done",
)

_IN_USE = """
SELECT e.stream FROM flowdeck_event e JOIN flowdeck_due d ON d.position = e.position
WHERE e.stream IN ({names})
UNION ALL
SELECT e.stream FROM flowdeck_event e JOIN flowdeck_event o ON o.correlation_id = e.correlation_id
WHERE o.stream <> e.stream AND e.stream IN ({names})
LIMIT 1
"""


@dataclass(slots=True)
class _File:
    """What a written file holds, by reading it again."""

    sha256: str = ""
    last: dict[str, int] = field(default_factory=dict)
    types: Counter[str] = field(default_factory=Counter)


def closed_streams(before: datetime, prefix: str = "", most: int = MOST_STREAMS) -> list[str]:
    """Streams of that prefix that can be archived, the oldest first.

    The log is walked from its beginning, a stretch by a statement, as far as there are events from
    ``before``; it ends as soon as there are as many as wanted.
    """
    moment = connection.ops.adapt_datetimefield_value(before)
    found: list[str] = []
    first = Event.objects.order_by("position").values_list("position", flat=True).first()
    # What was imported keeps the times that it had elsewhere, so it may be anywhere.
    imported = ImportedRange.objects.exists()
    last = newest_position() if imported else first_since(before + SLACK)
    for after in range((first or 1) - 1, last, _STRETCH):
        bounds = [after, after + _STRETCH, len(prefix), prefix, moment, most - len(found)]
        found += [stream for (stream,) in rows(_CLOSED, bounds)]
        if len(found) >= most:
            break
    return found


def archive(streams: list[str], path: Path, *, by: str, reason: str = "") -> Archive:
    """Move the streams into a new file, audited. Raises ArchiveRefused; then the log is as before.

    The file is written, read again from the disk and compared event by event; only then, in one
    transaction in which nobody appends to these streams, are the events and their deliveries
    removed, and tombstones written.
    """
    _write(streams, path)
    written = _verified(streams, path)
    with transaction.atomic():
        _refuse_changed(written)
        row = Archive.objects.create(
            path=str(path.resolve()),
            sha256=written.sha256,
            events=written.types.total(),
            types=dict(sorted(written.types.items())),
            by=by,
            reason=reason,
        )
        ArchivedStream.objects.bulk_create(
            ArchivedStream(stream=name, upto=last, archive=row)
            for name, last in written.last.items()
        )
        removed = sum(_remove(names) for names in chunked(streams, _CHUNK))
        if removed != row.events:
            raise ArchiveRefused(f"{removed:,} events would go, but {row.events:,} are in {path}.")
        audit.record("archive", by=by, target=path.name, count=removed, reason=reason)
    return row


def _write(streams: list[str], path: Path) -> None:
    with path.open("x", encoding="utf-8") as file:
        for events in _read(streams):
            file.writelines(f"{dumped(event)}\n" for event in events)
        file.flush()
        os.fsync(file.fileno())


def _verified(streams: list[str], path: Path) -> _File:
    """Compare the file, as it is on the disk, with the log."""
    found, digest = _File(), hashlib.sha256()
    with path.open("rb") as file:
        for events in _read(streams):
            for event in events:
                line = file.readline()
                digest.update(line)
                if not line or not same_content(event, loaded(line.decode(), 0).event):
                    raise ArchiveRefused(f"{path} does not hold event {event.id} as the log does.")
                found.last[event.stream] = event.sequence
                found.types[event.type] += 1
        if file.readline():
            raise ArchiveRefused(f"{path} holds more than was to be archived.")
    found.sha256 = digest.hexdigest()
    return found


def _refuse_changed(written: _File) -> None:
    heads = Stream.objects.select_for_update().filter(name__in=written.last).order_by("name")
    grown = [row.name for row in heads if row.head != written.last[row.name]]
    if grown:
        raise ArchiveRefused(f"{grown[0]} has grown meanwhile: archive again.")
    for names in chunked(sorted(written.last), _CHUNK):
        with connection.cursor() as cursor:
            cursor.execute(_IN_USE.format(names=placeholders(names)), [*names, *names])
            if row := cursor.fetchone():
                raise ArchiveRefused(f"{row[0]} is in use again: archive again.")


def _remove(names: Sequence[str]) -> int:
    positions = f"(SELECT position FROM flowdeck_event WHERE stream IN ({placeholders(names)}))"
    with connection.cursor() as cursor:
        for table in _OF_EVENTS:
            cursor.execute(f"DELETE FROM {table} WHERE position IN {positions}", names)
        cursor.execute(f"DELETE FROM flowdeck_event WHERE stream IN ({placeholders(names)})", names)
        return int(cursor.rowcount)


def _read(streams: list[str]) -> Iterator[list[StoredEvent]]:
    for names in chunked(streams, _CHUNK):
        with connection.cursor() as cursor:
            where = f"WHERE stream IN ({placeholders(names)}) ORDER BY position"
            yield dialect().select_events(cursor, where, names, as_written=True)
