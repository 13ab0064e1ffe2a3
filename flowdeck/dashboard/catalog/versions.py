"""The versions of an event type: what changed from one to the next, and an old event read today."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path
from typing import Any

from flowdeck.conf import conf
from flowdeck.dashboard.catalog.field_past import Moves, Past, past_of
from flowdeck.declare import lock as schemas
from flowdeck.declare.compatibility import Change, changes
from flowdeck.declare.event import EventType
from flowdeck.declare.upcasting import has_upcaster, renames_of, sample_of, upcast
from flowdeck.errors import FlowdeckError
from flowdeck.models import Event
from flowdeck.privacy.masking import ERASED, masked, scrubbed
from flowdeck.privacy.sealing import gone, readable


@dataclass(frozen=True, slots=True)
class VersionStep:
    """From one version of a type to the next one: what changed, and whether it can be read."""

    old: int
    new: int
    changes: list[Change]
    bridged: bool


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of the diff: ``kind`` is "add", "del" or empty."""

    kind: str
    text: str

    @property
    def sign(self) -> str:
        """What stands before the line."""
        return {"add": "+", "del": "-"}.get(self.kind, " ")


@dataclass(frozen=True, slots=True)
class Upcast:
    """A payload of an older version beside what it is now. No ``event``: the upcaster's sample."""

    event: Event | None
    old: int
    new: int
    lines: list[DiffLine]
    error: str = ""


@dataclass(frozen=True, slots=True)
class TypeHistory:
    """What the catalog tells of the versions of one type.

    ``pending`` are changes that are not locked yet; ``past`` says what the fields were in earlier
    versions, ``unlocked`` are the earlier versions whose fields nobody kept.
    """

    steps: list[VersionStep]
    pending: list[Change]
    locked: bool
    past: Past
    unlocked: list[int]
    upcast: Upcast | None


def history_of(declared: EventType | None) -> TypeHistory | None:
    """Read the lock file and one old event; one query. None for a type that is not declared."""
    if declared is None:
        return None
    lock = schemas.read(Path(conf().SCHEMAS_LOCK))
    locked = lock.get(declared.name, {})
    known = {int(version): schema for version, schema in locked.items()}
    known[declared.version] = schemas.schema_of(declared.cls)
    renames = {old: renames_of(declared.name, old) for old in range(1, declared.version)}
    pending = schemas.check({declared.name: locked}) if locked else []
    return TypeHistory(
        steps=list(_steps(declared.name, known, renames)),
        pending=[change for change in pending if change.event_type == declared.name],
        locked=str(declared.version) in locked,
        past=past_of(known, renames),
        unlocked=[version for version in range(1, declared.version) if version not in known],
        upcast=_upcast(declared),
    )


def _steps(
    name: str, known: Mapping[int, Any], renames: Mapping[int, Moves]
) -> Iterator[VersionStep]:
    """The newest first."""
    versions = sorted(known)
    for old, new in reversed(list(pairwise(versions))):
        bridged = all(has_upcaster(name, step) for step in range(old, new))
        declared = {pair for step in range(old, new) for pair in renames.get(step, {}).items()}
        found = changes(name, known[old], known[new])
        told = [part for change in found for part in _told(change, declared)]
        yield VersionStep(old, new, told, bridged)


def _told(change: Change, declared: set[tuple[str, str]]) -> list[Change]:
    """A rename that nobody declared is only likely: it is told as one field gone, another new."""
    old, _, new = change.detail.partition(" is now ")
    if change.kind != "field renamed" or (old, new) in declared:
        return [change]
    return [
        replace(change, kind="field removed", detail=old),
        replace(change, kind="field added", detail=new),
    ]


def _upcast(declared: EventType) -> Upcast | None:
    """The oldest event of the type, which is of its oldest version, or else a sample."""
    event = Event.objects.filter(type=declared.name).order_by("position").first()
    if event is not None and event.version < declared.version:
        return _compared(declared, event.version, event.data, event)
    for version in range(1, declared.version):
        if (sample := sample_of(declared.name, version)) is not None:
            return _compared(declared, version, sample, None)
    return None


def _compared(declared: EventType, version: int, data: Any, event: Event | None) -> Upcast:
    erased = gone([data])
    stored = masked(declared.name, data, erased)
    given = data if erased else readable(declared.name, data, ERASED)
    try:
        now = upcast(declared, version, json.loads(json.dumps(given)))
    except (FlowdeckError, LookupError, TypeError, ValueError, AttributeError) as error:
        said = scrubbed(declared.name, data, str(error))
        return Upcast(event, version, declared.version, list(diff(stored, stored)), said)
    return Upcast(
        event, version, declared.version, list(diff(stored, masked(declared.name, now, erased)))
    )


def diff(old: Any, new: Any) -> Iterator[DiffLine]:
    """Two JSON values line by line, keys in order: what was there goes before what came."""
    before, after = (
        json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
        for value in (old, new)
    )
    for _, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if before[i1:i2] == after[j1:j2]:
            yield from (DiffLine("", line) for line in before[i1:i2])
            continue
        yield from (DiffLine("del", line) for line in before[i1:i2])
        yield from (DiffLine("add", line) for line in after[j1:j2])
