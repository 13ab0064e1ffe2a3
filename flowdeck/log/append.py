"""Appending drafts to the log, and reading streams."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from flowdeck import spans
from flowdeck.conf import conf
from flowdeck.database import connection
from flowdeck.declare.event import Draft, Expectation, StoredEvent
from flowdeck.declare.registry import registry, slot_of
from flowdeck.declare.timing import Cancel
from flowdeck.errors import SequenceConflict
from flowdeck.log.agenda import Agenda
from flowdeck.log.idempotency import without_known
from flowdeck.log.payloads import dump, load
from flowdeck.log.storable import checked_line, checked_stream, checked_time
from flowdeck.privacy.sealing import opened, sealed
from flowdeck.sql import EventRow, Place, dialect
from flowdeck.sql.parts import chunked, placeholders
from flowdeck.sql.rows import told_of
from flowdeck.sql.timing import timers
from flowdeck.telemetry import AppendedEvent

_IDS = 500  # in one query


def append(collected: Sequence[Draft | Cancel]) -> tuple[AppendedEvent, ...]:
    """Append events and one pending delivery per subscribed processor, in one call (PostgreSQL).

    What is to come later is set as a timer, and what is not to come is cancelled, in one more. What
    was published under the same id before is left out.

    Needs an open transaction. Every draft has its stream and correlation id. The heads of the
    touched streams stay locked until the transaction ends. Raises a PublishError, in which case
    the caller's transaction (or savepoint) must be rolled back.
    """
    drafts = [one for one in collected if isinstance(one, Draft)]
    payloads = [dump(draft.event) for draft in drafts]  # refuse bad input before any statement
    payloads = sealed([draft.event for draft in drafts], payloads)
    counts: dict[str, int] = {}
    rows: list[EventRow] = []
    expected: list[tuple[EventRow, Expectation]] = []
    agenda = Agenda()
    texts = iter(payloads)
    for one in collected:
        if isinstance(one, Cancel):
            agenda.cancel(one)
            continue
        stream = checked_stream(one.stream)
        if one.when is not None:
            agenda.put(_row(one, next(texts), 0), one.when)
            continue
        counts[stream] = counts.get(stream, 0) + 1
        rows.append(_row(one, next(texts), counts[stream]))
        expected += [(rows[-1], each) for each in one.expects]
    calls = {draft.once for draft in drafts if draft.once}
    with connection.cursor() as cursor:
        places: dict[UUID, Place] = {}
        if calls:
            rows = without_known(cursor, rows, calls)
        if rows:
            fan_out = registry.fan_out({row.type for row in rows})
            also = agenda.streams | {each.stream for _, each in expected}
            places = dialect().append(cursor, rows, fan_out, also)
        if agenda:
            timers().put(cursor, list(agenda.rows), list(agenda.cancelled))
    if expected:
        _meet(expected, rows, places)
    return told_of(rows, places)


def unknown(drafts: Iterable[Draft]) -> list[Draft]:
    """Those of the drafts, which have ids, that are not in the log; of each id the first.

    One query for 500. Two that ask and then append at the same time are stopped by the database.
    """
    from flowdeck.models import Event

    given: dict[UUID, Draft] = {}
    for draft in drafts:
        if draft.id is not None:
            given.setdefault(draft.id, draft)
    for ids in chunked(list(given), _IDS):
        for known in Event.objects.filter(id__in=ids).values_list("id", flat=True):
            del given[known]
    return list(given.values())


def with_known_causes(drafts: Iterable[Draft]) -> list[Draft]:
    """The drafts, without a cause that is no event of the same trace in this log.

    One query for 500 that name one.
    """
    from flowdeck.models import Event

    given = list(drafts)
    known: set[tuple[UUID, UUID]] = set()
    for ids in chunked(sorted({one.causation_id for one in given if one.causation_id}), _IDS):
        known.update(Event.objects.filter(id__in=ids).values_list("id", "correlation_id"))
    return [
        one
        if one.causation_id is None or (one.causation_id, one.correlation_id) in known
        else replace(one, causation_id=None)
        for one in given
    ]


def _meet(
    expected: Iterable[tuple[EventRow, Expectation]],
    rows: Sequence[EventRow],
    places: Mapping[UUID, Place],
) -> None:
    """Raise SequenceConflict if a stream was elsewhere before a row that expects it somewhere.

    Also if it is a row before it in the same append that has let it grow. The heads are locked; of
    streams that nothing is appended to they are read, in one query.
    """
    order = {row.id: number for number, row in enumerate(rows)}
    by_stream: dict[str, list[EventRow]] = {}
    for row in rows:
        by_stream.setdefault(row.stream, []).append(row)
    still = [(row, one) for row, one in expected if row.id in places]  # others were there before
    heads = _heads({one.stream for _, one in still} - by_stream.keys())
    for row, one in still:
        own = by_stream.get(one.stream, [])
        if own:
            first = places[own[0].id].sequence - 1
            before = first + sum(order[other.id] < order[row.id] for other in own)
        else:
            before = heads.get(one.stream, 0)
        if before != one.sequence:
            raise SequenceConflict(one.stream, one.sequence, before)


def _heads(streams: Iterable[str]) -> dict[str, int]:
    from flowdeck.models import Stream

    names = list(streams)
    rows = Stream.objects.filter(pk__in=names) if names else Stream.objects.none()
    return dict(rows.values_list("name", "head"))


def read_stream(name: str, after: int = 0, upto: int | None = None) -> list[StoredEvent]:
    """The events of one stream with a sequence above ``after``, oldest first."""
    bound, more = ("", []) if upto is None else (" AND sequence <= %s", [upto])
    where = f"WHERE stream = %s AND sequence > %s{bound} ORDER BY sequence"
    return _select(where, [name, after, *more])


def read_streams(names: Iterable[str]) -> dict[str, list[StoredEvent]]:
    """The events of several streams, oldest first, in one query; an empty list for unknown ones."""
    found: dict[str, list[StoredEvent]] = {name: [] for name in names}
    if found:
        where = f"WHERE stream IN ({placeholders(found)}) ORDER BY stream, sequence"
        for event in _select(where, list(found)):
            found[event.stream].append(event)
    return found


def read_log(after: int = 0, limit: int = 1000, upto: int | None = None) -> list[StoredEvent]:
    """Up to ``limit`` events with a position above ``after``, oldest first; all that is committed.

    Whoever goes on from the last position read gives ``upto``: a ``settled_position()``. Without,
    an event whose commit comes after that of a later position would be passed by.
    """
    bound, more = ("", []) if upto is None else (" AND position <= %s", [upto])
    where = f"WHERE position > %s{bound} ORDER BY position LIMIT %s"
    return _select(where, [after, *more, limit])


def read_at(positions: Iterable[int]) -> list[StoredEvent]:
    """The events at these positions, oldest first; one query for 500."""
    found: list[StoredEvent] = []
    for some in chunked(sorted(positions), _IDS):
        found += _select(f"WHERE position IN ({placeholders(some)}) ORDER BY position", list(some))
    return found


def _row(draft: Draft, payload: str, ordinal: int) -> EventRow:
    declared = draft.event.__event_type__
    assert draft.stream is not None
    assert draft.correlation_id is not None
    key = draft.stream
    if declared.key_field is not None:
        where = f"{declared.name} ({declared.key_field})"
        key = checked_line("key", str(getattr(draft.event, declared.key_field)), where)
    metadata: dict[str, Any] = {}
    if draft.hops:
        metadata["hops"] = draft.hops
    if draft.also_caused_by:
        metadata["also_caused_by"] = [str(cause) for cause in draft.also_caused_by]
    if draft.traceparent:
        metadata[spans.KEY] = draft.traceparent
    if draft.via:
        metadata["via"] = draft.via
    if draft.came:
        metadata["came"] = draft.came
    if draft.when is not None and draft.when.missed:
        metadata["missed"] = draft.when.missed
    return EventRow(
        id=_id(draft),
        stream=draft.stream,
        ordinal=ordinal,
        type=declared.name,
        version=declared.version,
        data=payload,
        metadata=json.dumps(metadata) if metadata else "{}",
        key=key,
        slot=slot_of(key),
        correlation_id=draft.correlation_id,
        causation_id=draft.causation_id,
        producer=checked_line("producer", draft.producer) if draft.producer else conf().PRODUCER,
        occurred_at=checked_time("occurred_at", draft.occurred_at) if draft.occurred_at else None,
    )


def _id(draft: Draft) -> UUID:
    if draft.once:
        return draft.once[draft.number]
    return draft.id or (uuid7() if draft.when is None else draft.when.event_id)


def _select(where: str, parameters: list[Any]) -> list[StoredEvent]:
    with connection.cursor() as cursor:
        return opened(dialect().select_events(cursor, where, parameters))


__all__ = ["append", "load", "read_log", "read_stream", "read_streams", "slot_of"]
