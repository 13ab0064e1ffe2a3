"""The fields of an event type in its earlier versions, as far as they are known. Pure.

Known is what ``schemas.lock`` keeps of a version, and a rename that somebody declared: an upcaster
(``renames=``) or a personal field (``was=``). Two fields that look alike are no rename.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from flowdeck.dashboard.catalog.schema_fields import fields_of
from flowdeck.declare.compatibility import PERSONAL, Schema

Moves = Mapping[str, str]
"""Paths of a version and what they are called in the next one."""


@dataclass(frozen=True, slots=True)
class GoneField:
    """A field that an earlier version had: its path and type then, and the first version without
    it."""

    path: str
    type: str
    since: int


@dataclass(frozen=True, slots=True)
class Past:
    """What is told of each field of the newest version, by path, and the fields that are gone."""

    told: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gone: tuple[GoneField, ...] = ()


def past_of(known: Mapping[int, Schema], renames: Mapping[int, Moves]) -> Past:
    """From the schemas of the known versions; ``renames`` by the version that they lead from."""
    told: dict[str, tuple[str, ...]] = {}
    gone: dict[str, GoneField] = {}
    for old, new in pairwise(sorted(known)):
        before, after = (_types(known[version]) for version in (old, new))
        moved = _moved(before, after, _between(old, new, renames) | _was(known, before))
        source = {path: path for path in before if path in after} | {
            new_path: old_path for old_path, new_path in moved.items()
        }
        told = {
            path: told.get(source[path], ()) + _change(path, source[path], before, type_, old)
            if path in source
            else (f"new in v{new}",)
            for path, type_ in after.items()
        }
        lost = {path: before[path] for path in before if path not in {*source.values()}}
        gone |= {path: GoneField(path, type_, new) for path, type_ in lost.items()}
        gone = {path: one for path, one in gone.items() if path not in after}
    kept = tuple(one for one in gone.values() if not _holder(one.path, gone))
    return Past({path: notes for path, notes in told.items() if notes}, kept)


def _types(schema: Schema) -> dict[str, str]:
    return {one.path: one.type for one in fields_of(schema)}


def _change(
    path: str, source: str, before: Mapping[str, str], now: str, old: int
) -> tuple[str, ...]:
    named = _last(path) != _last(source)
    notes = [f"was {_last(source)} in v{old}"] if named else []
    return (*notes, *([f"was {before[source]} in v{old}"] if before[source] != now else []))


def _between(old: int, new: int, renames: Mapping[int, Moves]) -> dict[str, str]:
    """The renames of all steps from one known version to the next one, in one."""
    moves: dict[str, str] = {}
    for step in range(old, new):
        for source, target in renames.get(step, {}).items():
            first = next((a for a, b in moves.items() if b == source), source)
            moves[first] = target
    return moves


def _was(known: Mapping[int, Schema], before: Mapping[str, str]) -> dict[str, str]:
    """What personal fields of the newest version say they were called."""
    newest = known[max(known)].get("properties", {})
    marks = {name: part.get(PERSONAL, {}).get("was", ()) for name, part in newest.items()}
    return {old: name for name, former in marks.items() for old in former if old in before}


def _moved(before: Mapping[str, str], after: Mapping[str, str], declared: Moves) -> dict[str, str]:
    """The declared renames that the two schemas bear out, with what is nested in them."""
    return {
        path: target
        for old, new in declared.items()
        for path in before
        if path == old or path.startswith((f"{old}.", f"{old}[]."))
        if path not in after and (target := new + path[len(old) :]) in after
        if target not in before
    }


def _holder(path: str, gone: Mapping[str, GoneField]) -> bool:
    """Whether what holds this field is gone too, so that it goes without saying."""
    return any(path.startswith((f"{other}.", f"{other}[].")) for other in gone)


def _last(path: str) -> str:
    return path.rpartition(".")[2]
