"""Events as code of before wrote them, for demos of evolution: they come in as an import does."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from flowdeck import StoredEvent
from flowdeck.extend import cloudevent, import_events


def publish_old(
    stream: str,
    type_name: str,
    version: int,
    data: Mapping[str, Any],
    *,
    correlation_id: UUID,
    occurred_at: datetime,
    producer: str,
) -> None:
    """Begin ``stream`` with an event of an older version; all that subscribe get it.

    Raises ImportRefused, for one if there is such a stream.
    """
    written = StoredEvent(
        position=1,
        id=uuid7(),
        stream=stream,
        sequence=1,
        type=type_name,
        version=version,
        data=json.dumps(data),
        metadata={},
        key=stream,
        correlation_id=correlation_id,
        causation_id=None,
        producer=producer,
        occurred_at=occurred_at,
        recorded_at=datetime.now(UTC),
    )
    import_events(io.StringIO(cloudevent(written)), deliver=True)
