"""Compatibility: what a change of a payload's JSON Schema breaks, and what to do about it.

*Backward*: this code can read what is stored. *Forward*: code of before (workers not yet replaced,
other consumers) can read what this code writes. *Full*: both. Pure functions on JSON Schemas as
pydantic writes them; ``docs/schema_evolution.md`` has the verdict of each class of change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Schema = Mapping[str, Any]
Rule = Literal["backward", "forward", "full"]
RULES: tuple[Rule, ...] = ("backward", "forward", "full")

_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_EXACT = ("pattern", "multipleOf", "uniqueItems", "format")

PERSONAL = "x-personal"
"""The keyword that a personal field has in a locked schema: its mark."""

NEW_VERSION = "raise the version and write an @upcaster from the old one"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an event type: its class, what it holds for, and what to do."""

    event_type: str
    kind: str
    detail: str
    backward: bool
    forward: bool
    advice: str = ""

    def breaks(self, rule: Rule) -> bool:
        """Whether the change violates the rule."""
        return not ((self.backward or rule == "forward") and (self.forward or rule == "backward"))


def changes(event_type: str, old: Schema, new: Schema) -> list[Change]:
    """The changes between two schemas of one version of a type, field by field."""
    return list(_object_changes(event_type, "", old, new))


def accepts(reader: Schema, writer: Schema) -> bool:
    """Whether the reader's schema accepts every value that the writer's allows.

    Cautious: what it does not understand must be equal.
    """
    if reader == writer or not reader:
        return True
    for combined in ("anyOf", "oneOf"):
        if combined in writer:
            return all(accepts(reader, branch) for branch in writer[combined])
    for combined in ("anyOf", "oneOf"):
        if combined in reader:
            return any(accepts(branch, writer) for branch in reader[combined])
    written = _values(writer)
    if (known := _values(reader)) is not None:
        return written is not None and set(map(repr, written)) <= set(map(repr, known))
    return _same_type(reader, writer) and _bounds(reader, writer) and _parts(reader, writer)


def _values(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values


def _same_type(reader: Schema, writer: Schema) -> bool:
    wanted, given = reader.get("type"), writer.get("type")
    return wanted is None or wanted == given or (wanted, given) == ("number", "integer")


def _bounds(reader: Schema, writer: Schema) -> bool:
    return (
        all(n not in reader or (n in writer and writer[n] <= reader[n]) for n in _UPPER)
        and all(n not in reader or (n in writer and writer[n] >= reader[n]) for n in _LOWER)
        and all(n not in reader or reader[n] == writer.get(n) for n in _EXACT)
    )


def _parts(reader: Schema, writer: Schema) -> bool:
    if reader.get("type") == "array":
        items = ("items", "prefixItems")
        return all(accepts(reader.get(n, {}), writer.get(n, {})) for n in items)
    if reader.get("type") != "object":
        return True
    known, written = reader.get("properties", {}), writer.get("properties", {})
    rest = reader.get("additionalProperties", True)
    if rest is False and not written.keys() <= known.keys():
        return False
    if isinstance(rest, Mapping) and not accepts(rest, writer.get("additionalProperties") or {}):
        return False
    return set(reader.get("required", ())) <= set(writer.get("required", ())) and all(
        accepts(known[name], written[name]) for name in written.keys() & known.keys()
    )


def _object_changes(event_type: str, where: str, old: Schema, new: Schema) -> Iterator[Change]:
    before, after = old.get("properties", {}), new.get("properties", {})
    removed = [name for name in before if name not in after]
    added = [name for name in after if name not in before]
    for gone in list(removed):
        twin = next((name for name in added if _alike(before[gone], after[name])), None)
        if twin is not None:
            removed.remove(gone)
            added.remove(twin)
            yield Change(
                event_type=event_type,
                kind="field renamed",
                detail=f"{where}{gone} is now {where}{twin}",
                backward=False,
                forward=False,
                advice=f"{NEW_VERSION} that moves the value; old consumers need the new code first",
            )
    for name in added:
        yield _added(event_type, where, name, name in new.get("required", ()))
    for name in removed:
        yield _removed(event_type, where, name, name in old.get("required", ()))
    for name in before:
        if name in after and before[name] != after[name]:
            yield from _field_changes(event_type, where + name, before[name], after[name])
    yield from _needed(event_type, where, old, new)


def _needed(event_type: str, where: str, old: Schema, new: Schema) -> Iterator[Change]:
    was, now = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted((now - was) & old.get("properties", {}).keys()):
        yield Change(
            event_type=event_type,
            kind="default removed",
            detail=where + name,
            backward=False,
            forward=True,
            advice=f"give {where}{name} its default back, or {NEW_VERSION}",
        )
    for name in sorted((was - now) & new.get("properties", {}).keys()):
        yield Change(event_type, "default given", where + name, True, True)


def _added(event_type: str, where: str, name: str, required: bool) -> Change:
    if required:
        return Change(
            event_type=event_type,
            kind="field added without default",
            detail=where + name,
            backward=False,
            forward=False,
            advice=f"give {where}{name} a default, or {NEW_VERSION}",
        )
    return Change(
        event_type=event_type,
        kind="field added with default",
        detail=where + name,
        backward=True,
        forward=False,
        advice="replace all consumers before anybody publishes: unknown fields are refused by old "
        "code",
    )


def _removed(event_type: str, where: str, name: str, required: bool) -> Change:
    return Change(
        event_type=event_type,
        kind="field removed",
        detail=where + name,
        backward=False,
        forward=not required,
        advice=f"{NEW_VERSION} that drops {where}{name}, or keep it with a default",
    )


def _field_changes(event_type: str, where: str, old: Schema, new: Schema) -> Iterator[Change]:
    if old.get("type") == new.get("type") == "object" and "properties" in old:
        yield from _object_changes(event_type, f"{where}.", old, new)
        return
    if old.get("type") == new.get("type") == "array" and _is_object(old) and _is_object(new):
        yield from _object_changes(event_type, f"{where}[].", old["items"], new["items"])
        return
    yield from _mark_changes(event_type, where, old.get(PERSONAL), new.get(PERSONAL))
    old, new = _bare(old), _bare(new)
    if old == new:
        return  # only the default is another: no rule for values
    backward, forward = accepts(new, old), accepts(old, new)
    was, now = _values(old), _values(new)
    kind = "field retyped"
    if was is not None and now is not None:
        kind = "enum widened" if backward else "enum narrowed"
    elif backward != forward:
        kind = "field widened" if backward else "field narrowed"
    advice = {
        (True, True): "",
        (True, False): "replace all consumers before anybody publishes the new values",
        (False, True): f"{NEW_VERSION} that maps the values that are gone",
        (False, False): f"{NEW_VERSION} that converts {where}",
    }[backward, forward]
    yield Change(
        event_type=event_type,
        kind=kind,
        detail=where,
        backward=backward,
        forward=forward,
        advice=advice,
    )


def _mark_changes(
    event_type: str, where: str, old: Schema | None, new: Schema | None
) -> Iterator[Change]:
    if old and not new:
        yield unmarked(event_type, where, f"mark {where} as Personal again")
    if new and not old:
        yield Change(
            event_type=event_type,
            kind="personal mark added",
            detail=where,
            backward=True,
            forward=False,
            advice="replace all consumers before anybody publishes: old code can't open sealed "
            "values. What is stored stays in plain text",
        )
    if old and new and (lost := set(old["was"]) - set(new["was"])):
        names = ", ".join(sorted(lost))
        yield unmarked(event_type, f"{where}, once {names}", f"name {names} in its was=(...)")
    if old and new and old["subject"] != new["subject"]:
        yield Change(
            event_type=event_type,
            kind="personal subject changed",
            detail=f"{where} is of {new['subject']}",
            backward=True,
            forward=True,
            advice=f"what is stored stays sealed with the key of {old['subject']}: forget both",
        )


def unmarked(event_type: str, detail: str, advice: str) -> Change:
    """A field is not personal any more, but its stored values are sealed."""
    return Change(
        event_type=event_type,
        kind="personal mark removed",
        detail=detail,
        backward=False,
        forward=True,
        advice=f"{advice}: its stored values are sealed, and would be neither opened nor masked",
    )


def _is_object(schema: Schema) -> bool:
    return "properties" in schema.get("items", {})


def _bare(schema: Schema) -> dict[str, Any]:
    """Without the default and the mark, which are no rules for values."""
    return {name: value for name, value in schema.items() if name not in ("default", PERSONAL)}


def _alike(one: Schema, other: Schema) -> bool:
    return _bare(one) == _bare(other)
