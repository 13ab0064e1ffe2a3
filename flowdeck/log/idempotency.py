"""Publishing once: whoever publishes again under the same id gets what is in the log already.

The ids of the events follow from the id that was given, so the log itself is the memory: there is
no table and no window.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

from django.db.backends.utils import CursorWrapper

from flowdeck.declare.registry import registry
from flowdeck.errors import IdConflict
from flowdeck.log.storable import checked_line
from flowdeck.sql import EventRow
from flowdeck.sql.parts import placeholders

_NAMESPACE = UUID("5b1f5d0e-0f7c-4a38-9a53-0d6f5f1f6a11")

# As an append does, but by nothing: whoever publishes the same now comes before or after.
_LOCK = """
INSERT INTO flowdeck_stream (name, head) VALUES {}
ON CONFLICT (name) DO UPDATE SET head = flowdeck_stream.head
"""


def ids_of(given: str | UUID, producer: str, count: int) -> tuple[UUID, ...]:
    """The ids of ``count`` events that are published under an id. Raises InvalidEnvelope."""
    if isinstance(given, UUID) and count == 1:
        return (given,)
    text = checked_line("id", str(given), "publish(id=...)")
    return tuple(uuid5(_NAMESPACE, f"{producer}\n{text}\n{n}") for n in range(count))


def positions_of(ids: Sequence[UUID]) -> list[tuple[int, UUID]]:
    """Position and correlation id of each of these events, in the order of the ids."""
    from flowdeck.models import Event

    found = Event.objects.filter(id__in=ids).order_by()
    known = {row[0]: row[1:] for row in found.values_list("id", "position", "correlation_id")}
    return [known[one] for one in ids]


def without_known(
    cursor: CursorWrapper, rows: Sequence[EventRow], calls: Collection[tuple[UUID, ...]]
) -> list[EventRow]:
    """The rows without those that are in the log; each of the ``calls`` is there whole, or not.

    The heads of all streams and keys are locked first, in order of name. Raises IdConflict.
    """
    names = sorted({name for row in rows for name in (row.stream, row.key)})
    cursor.execute(_LOCK.format(placeholders(names, "(%s, 0)")), names)
    wanted = {one for call in calls for one in call}
    known = _stored(wanted)
    for call in calls:
        found = known.keys() & set(call)
        if found and len(found) < len(call):
            raise IdConflict(
                f"Of {len(call)} events under one id, {len(found)} are in the log: it was used for "
                "fewer before. Use a new id for what is new."
            )
    new: dict[UUID, EventRow] = {}
    for row in rows:
        if row.id in known:
            _compare(row, known[row.id])
        elif row.id in new:  # two handlers of one batch
            first = new[row.id]
            _compare(row, (first.type, first.stream, first.version, json.loads(first.data)))
        else:
            new[row.id] = row
    return _counted_anew(new.values())


def _stored(ids: set[UUID]) -> dict[UUID, tuple[str, str, int, Any]]:
    from flowdeck.models import Event

    found = Event.objects.filter(id__in=ids).order_by()
    return {row[0]: row[1:] for row in found.values_list("id", "type", "stream", "version", "data")}


def _compare(row: EventRow, stored: tuple[str, str, int, Any]) -> None:
    """Raises IdConflict if the log has another event of this id. Sealed values differ each time."""
    type_name, stream, version, data = stored
    same = (row.type, row.stream) == (type_name, stream)
    if same and version == row.version:
        personal = registry.event_type(row.type).personal
        given = json.loads(row.data)
        same = all(
            given.get(name) == data.get(name) for name in {*given, *data} if name not in personal
        )
    if not same:
        raise IdConflict(
            f"The id {row.id} belongs to another event, {type_name} in {stream!r}: {row.type} in "
            f"{row.stream!r} was not published. Use a new id for what is new."
        )


def _counted_anew(rows: Iterable[EventRow]) -> list[EventRow]:
    counts: dict[str, int] = {}
    found = []
    for row in rows:
        counts[row.stream] = counts.get(row.stream, 0) + 1
        found.append(replace(row, ordinal=counts[row.stream]))
    return found
