"""A proof in plain values, with what is personal masked: it can be shown to whoever may look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowdeck.declare.event import Draft, StoredEvent
from flowdeck.declare.registry import registry
from flowdeck.engine.written import Row, Values
from flowdeck.privacy.masking import MASK, is_personal, masked, masked_event, scrubbed

_OWN = "flowdeck_"
_MEMORY = ("flowdeck_processinstance",)
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Change:
    """A field of the payload and what it was; masked if it is personal."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Emitted:
    """An event that would be appended, and who would hear it; ``later``: when, for a timer."""

    type: str
    stream: str
    data: Mapping[str, Any]
    heard_by: tuple[str, ...]
    later: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A row that would be written: what is otherwise, column by column. ``kind`` says how."""

    table: str
    kind: str
    columns: tuple[Change, ...]


def changes(
    type_name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[Change, ...]:
    """The fields that differ, in order."""
    old, new = masked(type_name, before), masked(type_name, after)
    names = list(dict.fromkeys((*before, *after)))
    return tuple(
        Change(name, old.get(name), new.get(name))
        for name in names
        if before.get(name) != after.get(name) or (name in before) != (name in after)
    )


def emitted(appended: Iterable[StoredEvent], later: Iterable[Draft]) -> tuple[Emitted, ...]:
    """What was appended, and the timers that were set."""
    found = [
        Emitted(one.type, one.stream, masked(one.type, one.payload), _heard(one.type, one.stream))
        for one in appended
    ]
    for draft in later:
        name, stream = type(draft.event).__event_type__.name, draft.stream or ""
        data = masked_event(draft.event).model_dump(mode="json")
        when = draft.when
        said = "" if when is None else str(when.at or f"in {when.seconds or 0:g} s")
        found.append(Emitted(name, stream, data, _heard(name, stream), said))
    return tuple(found)


def tables(event: StoredEvent, rows: Sequence[Row]) -> tuple[Table, ...]:
    """Rows of the app's own tables, and the memory of a process."""
    return tuple(
        Table(row.table, _kind(row), _columns(event, row))
        for row in rows
        if not row.table.startswith(_OWN) or row.table in _MEMORY
    )


def _heard(type_name: str, stream: str) -> tuple[str, ...]:
    return tuple(sorted(one.name for one in registry.listeners(type_name, stream)))


def _kind(row: Row) -> str:
    if row.before is None:
        return "added"
    return "removed" if row.after is None else "changed"


def _columns(event: StoredEvent, row: Row) -> tuple[Change, ...]:
    before, after = row.before or {}, row.after or {}
    names = list(dict.fromkeys((*before, *after)))
    both = row.before is not None and row.after is not None
    return tuple(
        Change(name, _cell(event, name, before), _cell(event, name, after))
        for name in names
        if not both or before.get(name) != after.get(name)
    )


def _cell(event: StoredEvent, name: str, values: Values) -> Any:
    value = values.get(name)
    if value is None or isinstance(value, (bool, int, float)):
        return MASK if value is not None and is_personal(name) else value
    text = str(value)[:_LONGEST]
    return MASK if is_personal(name) else scrubbed(event.type, event.payload, text)
