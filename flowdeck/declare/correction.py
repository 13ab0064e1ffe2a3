"""What a repair leaves in the log: the stored event stays, and this one says what stands for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flowdeck.declare.event import Event


class EventCorrected(Event, version=1):
    """The ``payload`` that is read in place of that of the event ``original``, from now on.

    It is of the ``type`` of that event, in its ``payload_version``; what is personal in it is
    sealed as it is there.
    """

    original: UUID
    type: str
    payload_version: int
    payload: dict[str, Any]
    by: str
    reason: str


NAME = EventCorrected.__event_type__.name


def inner(type_name: str, data: Any) -> tuple[str, Any] | None:
    """Type and payload that a stored correction has within; None of any other event."""
    if type_name != NAME or not isinstance(data, Mapping):
        return None
    named, payload = data.get("type"), data.get("payload")
    return (named, payload) if isinstance(named, str) and isinstance(payload, Mapping) else None
