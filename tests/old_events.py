"""Events that no code of today would append: of unknown types, of older versions, damaged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from uuid_utils.compat import uuid7

from flowdeck.models import Event, Stream


def append_unchecked(stream: str, type_name: str, version: int, data: Mapping[str, Any]) -> None:
    """Append an event as it is given, with no check and no delivery."""
    now = datetime.now(UTC)
    with transaction.atomic():
        head, _ = Stream.objects.get_or_create(name=stream, defaults={"head": 0})
        head.head += 1
        head.save()
        Event.objects.create(
            id=uuid7(),
            stream=stream,
            sequence=head.head,
            type=type_name,
            version=version,
            data=dict(data),
            metadata={},
            key=stream,
            correlation_id=uuid7(),
            producer="old code",
            occurred_at=now,
            recorded_at=now,
        )
