"""Corrections: another payload for an event, which stays as it was written.

A correction is an event of its own (``EventCorrected``, caused by the one it is about, in a stream
of its own, so neither sequences nor keys of others change). A row of ``flowdeck_correction`` makes
it stand in the place of the payload for whoever reads the log: handlers, replays, outlets, pages
as of then. Only what carries the log itself elsewhere (export, archive) reads what was written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flowdeck.declare.correction import NAME, EventCorrected
from flowdeck.declare.event import Draft, Event, StoredEvent
from flowdeck.declare.registry import registry
from flowdeck.declare.upcasting import upcast
from flowdeck.errors import InvalidPayload
from flowdeck.log.payloads import dump, parse
from flowdeck.log.publishing import publish
from flowdeck.privacy.sealing import opened, sealed
from flowdeck.sql.parts import chunked

_IDS = 500  # in one query


def editable(stored: StoredEvent) -> dict[str, Any]:
    """The payload as it is read now, of today's version, with what is personal in plain text.

    Raises UnknownEventType or UnknownVersion.
    """
    declared = registry.event_type(stored.type)
    (plain,) = opened([stored])
    return dict(upcast(declared, stored.version, json.loads(plain.data)))


def checked(stored: StoredEvent, payload: Mapping[str, Any]) -> Event:
    """The payload as an event of the type. Raises InvalidPayload, also if its key is another."""
    event = parse(registry.event_type(stored.type).name, payload)
    field = event.__event_type__.key_field
    if field is not None and str(getattr(event, field)) != stored.key:
        raise InvalidPayload(
            f"{stored.type}.{field} is what order is kept by: it stays {stored.key!r}. Discard the "
            "letter and publish another event instead."
        )
    return event


def correct(stored: StoredEvent, payload: Mapping[str, Any], *, by: str, reason: str) -> int:
    """Let ``payload`` stand for that of a stored event; the position of the correction.

    Needs an open transaction. Raises a PublishError for what does not fit.
    """
    from flowdeck.models import Correction

    event = checked(stored, payload)
    (text,) = sealed([event], [dump(event)])
    version = event.__event_type__.version
    said = EventCorrected(
        original=stored.id,
        type=stored.type,
        payload_version=version,
        payload=json.loads(text),
        by=by,
        reason=reason,
    )
    receipt = publish(
        Draft(said, f"correction-{stored.id}", stored.correlation_id, stored.id),
    )
    (written,) = receipt.positions
    row = {"written": written, "version": version, "data": said.payload}
    Correction.objects.update_or_create(event_id=stored.position, defaults=row)
    return written


def note(events: Sequence[StoredEvent]) -> None:
    """Let corrections among events that came into the log stand, and those of these events.

    Two or three queries for 500.
    """
    from flowdeck.models import Correction
    from flowdeck.models import Event as Row

    found: dict[Any, Row] = {}
    ids = [event.id for event in events]
    wanted = Row.objects.filter(type=NAME)
    if not wanted.exists():
        return
    for some in chunked(ids, _IDS):
        for one in wanted.filter(causation_id__in=some) | wanted.filter(id__in=some):
            before = found.get(one.causation_id)
            if before is None or before.position < one.position:
                found[one.causation_id] = one
    for causes in chunked(list(found), _IDS):
        Correction.objects.bulk_create(
            (
                _row(position, found[id_])
                for id_, position in Row.objects.filter(id__in=causes).values_list("id", "position")
            ),
            update_conflicts=True,
            unique_fields=["event"],
            update_fields=["written", "version", "data"],
        )


def written_at(positions: Iterable[int]) -> dict[int, int]:
    """Of the events at these positions that were corrected: where by, in the log."""
    from flowdeck.models import Correction

    rows = Correction.objects.filter(event_id__in=list(positions))
    return dict(rows.values_list("event_id", "written"))


def _row(position: int, by: Any) -> Any:
    from flowdeck.models import Correction

    return Correction(
        event_id=position,
        written=by.position,
        version=by.data["payload_version"],
        data=by.data["payload"],
    )
