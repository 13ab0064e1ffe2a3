"""What followed, compared with what was expected to, and how the difference is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import unified_diff

from flowdeck.declare.event import Event, StoredEvent
from flowdeck.declare.registry import registry
from flowdeck.log.append import read_log
from flowdeck.log.payloads import load

Wanted = Event | type[Event]
MOST = 10_000
"""Events that are looked at, at most."""


def told(after: int) -> list[StoredEvent]:
    """What was appended after this position, in order."""
    return read_log(after, limit=MOST)


def found_wrong(wanted: Sequence[Wanted], found: Sequence[StoredEvent], *, only: bool) -> str:
    """Nothing if ``wanted`` is in ``found`` in this order, or is all of it; else a diff."""
    rest = iter(found)
    if (not only or len(wanted) == len(found)) and all(
        any(_is(one, row) for row in rest) for one in wanted
    ):
        return ""
    lines = unified_diff(
        [_written(one) for one in wanted],
        [_read(row, wanted) for row in found],
        "expected" if only else "expected among others",
        "followed",
        lineterm="",
    )
    return "\n".join(lines) or "The same events followed, in another order."


def _is(wanted: Wanted, row: StoredEvent) -> bool:
    kind = wanted if isinstance(wanted, type) else type(wanted)
    if row.type not in kind.__event_type__.names:
        return False
    return isinstance(wanted, type) or _event(row) == wanted


def _event(row: StoredEvent) -> Event | None:
    return load(row) if row.type in registry.event_types else None


def _read(row: StoredEvent, wanted: Iterable[Wanted]) -> str:
    """As :func:`_written` writes what was wanted of this type, so that the diff is small."""
    classes = {one.__event_type__.name for one in wanted if isinstance(one, type)}
    event = _event(row)
    return row.type if row.type in classes or event is None else _written(event)


def _written(wanted: Wanted) -> str:
    return wanted.__event_type__.name if isinstance(wanted, type) else repr(wanted)
