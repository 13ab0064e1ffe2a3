"""``schemas.lock``: the JSON Schema of every event type and version that was ever published.

The file is the memory that code lacks: a class shows what a payload is now, the lock what is
stored. :func:`check` compares the two, :func:`write` brings the lock up to date.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from flowdeck.declare.compatibility import PERSONAL, Change, changes, unmarked
from flowdeck.declare.event import EventType
from flowdeck.declare.personal import personal_fields
from flowdeck.declare.registry import registry
from flowdeck.declare.upcasting import has_upcaster

Lock = dict[str, dict[str, Any]]
_NOTES = ("title", "description", "examples")


def read(path: Path) -> Lock:
    """The lock at ``path``: schemas by type and version; empty if there is no file."""
    if not path.exists():
        return {}
    lock: Lock = json.loads(path.read_text())
    return lock


def current() -> Lock:
    """The schemas of all declared types, each of its declared version."""
    return {
        name: {str(declared.version): schema_of(declared.cls)}
        for name, declared in sorted(registry.event_types.items())
    }


def write(path: Path) -> None:
    """Bring the lock up to date. What is locked of older versions and lost types stays."""
    lock = read(path)
    for name, versions in current().items():
        lock.setdefault(name, {}).update(versions)
    ordered = {
        name: dict(sorted(versions.items(), key=lambda item: int(item[0])))
        for name, versions in sorted(lock.items())
    }
    path.write_text(json.dumps(ordered, indent=1) + "\n")


def check(lock: Lock) -> list[Change]:
    """What differs between the lock and the declared types, each with its verdict."""
    found: list[Change] = []
    for name, versions in lock.items():
        declared = registry.event_types.get(name)
        found += _of_type(name, versions, declared)
    found += [
        Change(name, "type added", f"v{declared.version}", True, True)
        for name, declared in sorted(registry.event_types.items())
        if name not in lock
    ]
    return found


def schema_of(payload: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a payload, references resolved, without remarks for people.

    A personal field has its mark in the keyword ``x-personal``.
    """
    schema = payload.model_json_schema()
    plain: dict[str, Any] = _plain(schema, schema.get("$defs", {}), ())
    for name, mark in personal_fields(payload).items():
        plain["properties"][name][PERSONAL] = {"subject": mark.subject, "was": list(mark.was)}
    return plain


def _of_type(name: str, versions: Mapping[str, Any], declared: EventType | None) -> list[Change]:
    if declared is None:
        return [_lost(name)]
    newest = max(map(int, versions))
    if declared.version < newest:
        return [
            Change(
                event_type=name,
                kind="version lowered",
                detail=f"from {newest} to {declared.version}",
                backward=False,
                forward=True,
                advice=f"go back to version {newest} or higher: such events are stored",
            )
        ]
    if declared.version > newest:
        return _unmarked(versions, declared) or [_raised(name, newest, declared.version)]
    return changes(name, versions[str(newest)], schema_of(declared.cls))


def _lost(name: str) -> Change:
    return Change(
        event_type=name,
        kind="type renamed or removed",
        detail=f"{name} is not declared any more",
        backward=False,
        forward=False,
        advice=f"name it in the new type, was=[{name!r}]; if there is none, keep {name} declared "
        "as long as such events are stored",
    )


def _raised(name: str, old: int, new: int) -> Change:
    missing = [step for step in range(old, new) if not has_upcaster(name, step)]
    detail = f"from {old} to {new}"
    if missing:
        return Change(
            event_type=name,
            kind="version raised without upcaster",
            detail=detail,
            backward=False,
            forward=False,
            advice=f"write @upcaster({name}, from_version={missing[0]}, sample=...)",
        )
    return Change(
        event_type=name,
        kind="version raised with upcaster",
        detail=detail,
        backward=True,
        forward=False,
        advice="replace consumers first: old code keeps newer versions as dead letters, to retry "
        "later",
    )


def _unmarked(versions: Mapping[str, Any], declared: EventType) -> list[Change]:
    """What was personal in a stored version, and is known as such under no name any more."""
    known = {name for field, mark in declared.personal.items() for name in (field, *mark.was)}
    return [
        unmarked(
            declared.name,
            f"{name} of v{version}",
            f"name it where the value is now: Personal(subject=..., was=({name!r},))",
        )
        for version, schema in versions.items()
        for name, field in schema.get("properties", {}).items()
        if PERSONAL in field and name not in known
    ]


def _plain(node: Any, definitions: Mapping[str, Any], inside: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_plain(item, definitions, inside) for item in node]
    if not isinstance(node, Mapping):
        return node
    name = str(node.get("$ref", "")).removeprefix("#/$defs/")
    if name in definitions and name not in inside:  # a type that holds itself stays a reference
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _plain({**definitions[name], **rest}, definitions, (*inside, name))
    return {
        key: {n: _plain(part, definitions, inside) for n, part in value.items()}
        if key == "properties"
        else _plain(value, definitions, inside)
        for key, value in node.items()
        if key != "$defs" and key not in _NOTES
    }
