"""CloudEvents that somebody sends over HTTP, into the log: all or none, and each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError
from uuid_utils.compat import uuid7

from flowdeck import spans
from flowdeck.conf import conf
from flowdeck.connect.cloudevent import CloudEvent
from flowdeck.connect.mapping import event_id
from flowdeck.connect.taking import append_new
from flowdeck.database import transaction
from flowdeck.declare.event import Draft
from flowdeck.errors import FlowdeckError, InvalidEnvelope, InvalidPayload, InvalidStream
from flowdeck.log.payloads import parse
from flowdeck.models import Event

MOST = 500
"""Events taken at once."""
_BY_HTTP = "http"


class PostedConflict(FlowdeckError):
    """An event of the same source and id is in the log, and is another one."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Where an event is in the log; ``known``: it had been there before."""

    id: UUID
    position: int
    known: bool


def post(messages: Sequence[CloudEvent], *, producer: str) -> list[Posted]:
    """Append what is not in the log; where each is, in the order of the messages.

    A message's type is a declared event type, its subject the stream. Raises a PublishError, or
    PostedConflict; then nothing was written.
    """
    made = [_draft(message, producer) for message in messages]
    try:
        return _appended(made)
    except IntegrityError:
        return _appended(made)  # somebody sent the same at the same moment: by now it is known


def _appended(made: Sequence[Draft]) -> list[Posted]:
    with transaction.atomic():
        new = {draft.id for draft in append_new(made)}
        stored = {row.id: row for row in Event.objects.filter(id__in=[one.id for one in made])}
        for draft in made:
            assert draft.id is not None
            _same(draft, stored[draft.id])
    found = []
    for draft in made:
        row = stored[draft.id]  # type: ignore[index]
        found.append(Posted(row.id, row.position, row.id not in new))
        new.discard(row.id)
    return found


def _draft(message: CloudEvent, producer: str) -> Draft:
    if not isinstance(message.data, dict):
        raise InvalidPayload(f"{message.type}: its data is not a JSON object.")
    if not message.subject:
        raise InvalidStream(f"{message.type}: give the stream as its subject.")
    if message.hops >= conf().MAX_HOPS:
        raise InvalidEnvelope(
            f"{message.type}: its hops say {message.hops:,}, and {conf().MAX_HOPS:,} is the limit: "
            "it has gone round."
        )
    version = str(message.extensions.get("dataversion", ""))
    return Draft(
        parse(message.type, message.data, int(version) if _is_version(version) else None),
        stream=message.subject,
        correlation_id=message.correlation_id or uuid7(),
        causation_id=message.via,
        producer=producer,
        occurred_at=message.time,
        id=event_id(_BY_HTTP, message.source, message.id),
        hops=message.hops + 1,
        via=message.own_id,
        came=(_BY_HTTP, message.source),
        traceparent=message.traceparent or spans.carried(),
    )


def _is_version(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6


def _same(draft: Draft, stored: Event) -> None:
    kind = type(draft.event).__event_type__.name
    if (kind, draft.stream) != (stored.type, stored.stream):
        raise PostedConflict(
            f"The source and id of a {kind} in {draft.stream} were used before, for a "
            f"{stored.type} in {stored.stream}. Give it an id of its own."
        )
