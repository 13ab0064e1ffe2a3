"""PostgreSQL: how events come out of the log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flowdeck.declare.event import StoredEvent
from flowdeck.sql.parts import corrected
from flowdeck.stored_json import read_object

WRITTEN = """e.position, e.id, e.stream, e.sequence, e.type, e.version,
  e.data::text, e.metadata::text, e.key, e.correlation_id, e.causation_id, e.producer,
  extract(epoch FROM e.occurred_at)::float8, extract(epoch FROM e.recorded_at)::float8"""
"""An event as it was written."""

ENVELOPE = WRITTEN.replace("e.version", corrected("version")).replace(
    "e.data::text", corrected("data", "::text")
)
"""The same with the payload that stands for it since, if it was corrected."""

_LAST = 253_402_300_799.0  # the last second of 9999


def stored(row: Any) -> StoredEvent:
    """An event of the columns of ``ENVELOPE``."""
    metadata = {} if row[7] == "{}" else read_object(row[7])
    times = _moment(row[12]), _moment(row[13])
    envelope: tuple[Any, ...] = (*row[:7], metadata, *row[8:12], *times)
    return StoredEvent(*envelope)


def _moment(seconds: float) -> datetime:
    # A double rounds the last microseconds of 9999 up, into a year that Python does not have.
    return datetime.fromtimestamp(min(seconds, _LAST), UTC)
