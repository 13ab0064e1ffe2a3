"""A JSON Schema as people read it: a table of fields, and an example made from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

_DEEPEST = 6  # levels unfolded; a schema may refer to itself
_MOST = 200  # fields listed
_FORMATS = {
    "date-time": "2026-01-01T12:00:00Z",
    "date": "2026-01-01",
    "email": "name@example.org",
    "uuid": "00000000-0000-0000-0000-000000000000",
}
_PLAIN: dict[str, Any] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "null": None,
    "array": [],
    "object": {},
}

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SchemaField:
    """One field: its path (``lines[].weight``), its type in words, the default if it has one.

    ``past`` is what it was in earlier versions, in words; empty if it always was as it is.
    """

    path: str
    type: str
    required: bool
    default: str | None
    note: str
    past: tuple[str, ...] = ()


def fields_of(
    schema: Schema, past: Mapping[str, tuple[str, ...]] | None = None
) -> list[SchemaField]:
    """The fields of an object's schema in their order, nested ones after what holds them.

    ``past`` tells what fields were in earlier versions, by path.
    """
    found = []
    for one in _fields(schema, schema.get("$defs", {}), "", 0):
        found.append(replace(one, past=past.get(one.path, ())) if past else one)
        if len(found) >= _MOST:
            break
    return found


def example_of(schema: Schema) -> Any:
    """A value of the right form, made up."""
    return _example(schema, schema.get("$defs", {}), 0)


def _fields(schema: Schema, defs: Schema, prefix: str, depth: int) -> Iterator[SchemaField]:
    required = schema.get("required", ())
    for name, raw in schema.get("properties", {}).items():
        part = _resolved(raw, defs)
        default = json.dumps(raw["default"], ensure_ascii=False) if "default" in raw else None
        path = prefix + name
        yield SchemaField(
            path, _words(part, defs), name in required, default, raw.get("description", "")
        )
        if depth < _DEEPEST:
            inner, suffix = _inside(part, defs)
            yield from _fields(inner, defs, f"{path}{suffix}.", depth + 1)


def _inside(part: Schema, defs: Schema) -> tuple[Schema, str]:
    if part.get("type") == "array":
        return _resolved(part.get("items", {}), defs), "[]"
    return part, ""


def _resolved(part: Schema, defs: Schema) -> Schema:
    reference = part.get("$ref", "")
    return defs.get(reference.rsplit("/", 1)[-1], {}) if reference else part


def _words(part: Schema, defs: Schema) -> str:
    part = _resolved(part, defs)
    if "const" in part:
        return json.dumps(part["const"], ensure_ascii=False)
    if "enum" in part:
        return " or ".join(json.dumps(value, ensure_ascii=False) for value in part["enum"])
    if choices := part.get("anyOf") or part.get("oneOf"):
        return " or ".join(dict.fromkeys(_words(choice, defs) for choice in choices))
    if part.get("type") == "array":
        return f"list of {_words(part.get('items', {}), defs)}"
    if part.get("type") == "object":
        return str(part.get("title", "object"))
    name = str(part.get("type", "any"))
    return f"{name}, {part['format']}" if "format" in part else name + _pattern(part)


def _pattern(part: Schema) -> str:
    # Pydantic writes a Decimal as a string of digits.
    return ", decimal" if part.get("type") == "string" and "\\d" in part.get("pattern", "") else ""


def _example(part: Schema, defs: Schema, depth: int) -> Any:
    if "default" in part:
        return part["default"]
    part = _resolved(part, defs)
    for name in ("const", "enum", "anyOf", "oneOf"):
        if name in part:
            first = part[name] if name == "const" else part[name][0]
            return _example(first, defs, depth + 1) if name.endswith("Of") else first
    if depth >= _DEEPEST:
        return None
    if "properties" in part:
        return {n: _example(p, defs, depth + 1) for n, p in part["properties"].items()}
    if part.get("type") == "array" and "items" in part:
        return [_example(part["items"], defs, depth + 1)]
    if _pattern(part):
        return "0.00"
    return _FORMATS.get(part.get("format", ""), _PLAIN.get(part.get("type", "")))
