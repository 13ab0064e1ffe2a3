"""Upcasters: turn a stored payload of version n into version n + 1 when it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from events.errors import UnknownVersion
from events.event import Event, EventType
from events.registry import registry

Payload = dict[str, Any]
Upcaster = Callable[[Payload], Payload]

_chain: dict[tuple[str, int], Upcaster] = {}


def upcaster(event: type[Event], *, from_version: int) -> Callable[[Upcaster], Upcaster]:
    """Declare the decorated pure function as the step from ``from_version`` to the next one::

    @upcaster(OrderCreated, from_version=1)
    def with_currency(data): return {**data, "currency": "EUR"}
    """

    def register(function: Upcaster) -> Upcaster:
        step = (event.__event_type__.name, from_version)
        known = _chain.get(step)
        if known is not None and known.__qualname__ != function.__qualname__:
            registry.problems.append(
                f"{step[0]} has two upcasters from version {from_version}: "
                f"{known.__module__}.{known.__qualname__} and "
                f"{function.__module__}.{function.__qualname__}. Remove one."
            )
        _chain.setdefault(step, function)
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


def gaps() -> list[str]:
    """What is missing in the chains of the declared types, one message each."""
    return [
        f"{declared.name} is at version {declared.version} but has no upcaster from {step}."
        for declared in registry.event_types.values()
        for step in range(1, declared.version)
        if (declared.name, step) not in _chain
    ]
