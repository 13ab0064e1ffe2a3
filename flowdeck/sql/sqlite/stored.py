"""SQLite: how events and times go into the log, and come out of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from flowdeck.declare.event import StoredEvent
from flowdeck.sql.parts import corrected
from flowdeck.stored_json import read_object

WRITTEN = """e.position, e.id, e.stream, e.sequence, e.type, e.version, e.data, e.metadata,
  e.key, e.correlation_id, e.causation_id, e.producer, e.occurred_at, e.recorded_at"""
"""An event as it was written."""

ENVELOPE = WRITTEN.replace("e.version", corrected("version")).replace("e.data", corrected("data"))
"""The same with the payload that stands for it since, if it was corrected."""


def stored(row: tuple) -> StoredEvent:  # type: ignore[type-arg]
    """An event of the columns of ``ENVELOPE``."""
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


def text(moment: datetime) -> str:
    """As Django writes it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def from_now(after: float = 0.0) -> str:
    """The host's clock ``after`` seconds from now, as text."""
    return text(datetime.now(UTC) + timedelta(seconds=after))


def _moment(naive: datetime) -> datetime:
    # Django's converter has parsed the text already, without a time zone.
    return naive.replace(tzinfo=UTC)
