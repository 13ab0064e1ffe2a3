"""Upcasters: turn a stored payload of version n into version n + 1 when it is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from flowdeck.declare.event import Event, EventType
from flowdeck.declare.registry import registry
from flowdeck.errors import UnknownVersion

Payload = dict[str, Any]
Upcaster = Callable[[Payload], Payload]

_chain: dict[tuple[str, int], Upcaster] = {}
_samples: dict[tuple[str, int], Payload] = {}
_renames: dict[tuple[str, int], Mapping[str, str]] = {}


def upcaster(
    event: type[Event],
    *,
    from_version: int,
    sample: Payload | None = None,
    renames: Mapping[str, str] | None = None,
) -> Callable[[Upcaster], Upcaster]:
    """Declare the decorated pure function as the step from ``from_version`` to the next one::

    @upcaster(ParcelSent, from_version=1, sample={"parcel_id": 1, "weight": "9.5"})
    def with_unit(data): return {**data, "unit": "kg"}

    ``sample`` is a payload as it was stored then; ``manage.py check`` brings it up to date.
    ``renames`` says which fields only got another name, old to new (``lines[].label`` for nested
    ones); the catalog shows it, and ``manage.py check`` holds it against the sample.
    """

    def register(function: Upcaster) -> Upcaster:
        declared = event.__event_type__
        known = _chain.get((declared.name, from_version))
        if known is not None and known.__qualname__ != function.__qualname__:
            registry.problems.append(
                f"{declared.name} has two upcasters from version {from_version}: "
                f"{known.__module__}.{known.__qualname__} and "
                f"{function.__module__}.{function.__qualname__}. Remove one."
            )
        for step in ((name, from_version) for name in declared.names):
            _chain.setdefault(step, function)
            if sample is not None:
                _samples.setdefault(step, sample)
            if renames:
                _renames.setdefault(step, dict(renames))
        return function

    return register


def upcast(declared: EventType, version: int, data: Payload) -> Payload:
    """``data`` of ``version`` brought to the declared version. Raises UnknownVersion."""
    if version > declared.version:
        raise UnknownVersion(
            f"{declared.name} was stored with version {version}, newer than this code's "
            f"{declared.version}: deploy the newer code, then retry."
        )
    for step in range(version, declared.version):
        function = _chain.get((declared.name, step))
        if function is None:
            raise UnknownVersion(
                f"{declared.name} has no upcaster from version {step} to {step + 1}: declare one "
                f"with @upcaster({declared.name}, from_version={step}), then retry."
            )
        data = function(data)
    return data


def readable(declared: EventType, version: int) -> bool:
    """Whether a payload stored with ``version`` can be brought to the declared version."""
    steps = range(version, declared.version)
    return version <= declared.version and all((declared.name, step) in _chain for step in steps)


def has_upcaster(type_name: str, from_version: int) -> bool:
    """Whether there is a step from this version of the type to the next one."""
    return (type_name, from_version) in _chain


def sample_of(type_name: str, from_version: int) -> Payload | None:
    """A payload as it was stored with this version, if its upcaster has one."""
    return _samples.get((type_name, from_version))


def renames_of(type_name: str, from_version: int) -> Mapping[str, str]:
    """The fields that this step only gives another name, old to new; empty if none is declared."""
    return _renames.get((type_name, from_version), {})


def faults() -> list[str]:
    """What is wrong with the steps there are, one message each: where they lead, their samples."""
    return [text for step in sorted(_chain) if (text := _fault(*step))]


def _fault(name: str, version: int) -> str:
    declared = registry.event_types.get(name)
    if declared is None:
        return ""
    what = f"The upcaster of {name} from version {version}"
    if not 1 <= version < declared.version:
        return (
            f"{what} leads nowhere, or round in circles: the type is at version "
            f"{declared.version}. Raise the type's version, or remove the upcaster."
        )
    sample = _samples.get((name, version))
    if sample is None:
        return f"{what} has no sample: give it one, @upcaster(..., sample={{...}}), as stored then."
    try:
        after = _chain[name, version](json.loads(json.dumps(sample)))
        declared.cls.model_validate_json(json.dumps(upcast(declared, version, dict(sample))))
    except (UnknownVersion, ValidationError, LookupError, TypeError, ValueError) as error:
        return f"{what} does not bring its sample up to date: {error}"
    return _misnamed(what, _paths(sample), _paths(after), renames_of(name, version))


def _misnamed(what: str, before: set[str], after: set[str], renames: Mapping[str, str]) -> str:
    for old, new in renames.items():
        if old not in before or old in after or new in before or new not in after:
            return (
                f"{what} says that it renames {old} to {new}, but its sample does not show it: "
                "mend renames=, the sample or the upcaster."
            )
    return ""


def _paths(value: Any, prefix: str = "") -> set[str]:
    """All fields of a payload, as ``lines[].weight``."""
    if isinstance(value, list):
        return {path for item in value for path in _paths(item, f"{prefix}[]")}
    if not isinstance(value, dict):
        return set()
    start = f"{prefix}." if prefix else ""
    return {start + name for name in value} | {
        path for name, inner in value.items() for path in _paths(inner, start + name)
    }


def gaps() -> list[str]:
    """What is missing in the chains of the declared types, one message each."""
    return [
        f"{declared.name} is at version {declared.version} but has no upcaster from {step}."
        for declared in registry.event_types.values()
        for step in range(1, declared.version)
        if (declared.name, step) not in _chain
    ]
