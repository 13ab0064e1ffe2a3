"""The processes that apps declare: each is a processor with a memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Any, TypeVar

from flowdeck.declare.event import Delivery, Event
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.retry import Retry
from flowdeck.errors import RegistrationError
from flowdeck.process_managers.flow import Flow, Missing, flow_of
from flowdeck.process_managers.instance import Process
from flowdeck.process_managers.state import State

C = TypeVar("C", bound=type[Process[Any]])
flows: dict[str, dict[int, Flow]] = {}
"""By name, and by version."""


def process(
    name: str,
    *,
    state: type[State],
    ends: Iterable[StrEnum],
    version: int = 1,
    missing: Missing = "note",
    streams: str = "",
    emits: Iterable[type[Event]] | None = None,
    retry: Retry | None = None,
    lanes: int = 16,
    batch_size: int = 500,
) -> Callable[[C], C]:
    """Declare the decorated :class:`Process` as a process of this name (:mod:`.flow` has one).

    An instance is the state that belongs to the key of its events: their stream, unless their
    types name a field as their ``key``. It is changed by one worker at a time, and commits with
    what its methods emit and with the deliveries that it handled. ``ends`` are the steps in which
    it is over.

    An event that comes before the one that begins its instance is noted and done with; with
    ``missing="keep"`` it is handed over right after the start, with ``"dead"`` it is a dead letter.
    Another ``version`` of the same name may stand beside the first: an instance stays with the one
    that it began with, new ones take the newest. Raises RegistrationError.
    """

    def register(cls: C) -> C:
        add_flow(
            flow_of(name, cls, state, ends, version, missing, emits),
            cls,
            mediates=True,
            retry=retry or Retry(),
            streams=streams,
            lanes=lanes,
            batch_size=batch_size,
        )
        return cls

    return register


def add_flow(flow: Flow, of: Callable[..., Any], **options: Any) -> None:
    """Declare a flow, and the processor that hands events to it; ``of`` is what describes both.

    Raises RegistrationError for a version that there is.
    """
    versions = flows.setdefault(flow.name, {})
    known = versions.get(flow.version)
    if known is not None and known.cls.__qualname__ != flow.cls.__qualname__:
        raise RegistrationError(
            f"process {flow.name!r} has version {flow.version} twice: {known.cls.__qualname__} and "
            f"{flow.cls.__qualname__}. Give the new one the next version."
        )
    versions[flow.version] = flow
    if known is None and len(versions) > 1:
        registry.remove_processor(flow.name)  # one for all versions takes its place
    registry.add_processor(replace(_processor(flow.name, of), **options))


def _processor(name: str, of: Callable[..., Any]) -> Processor:
    @functools.wraps(of, updated=())
    def handle(events: list[Any], deliveries: list[Delivery]) -> None:
        from flowdeck.process_managers.run import run

        run(name, events, deliveries)

    versions = flows[name].values()
    return Processor(
        name=name,
        handler=handle,
        subscriptions=tuple(sorted({type_ for flow in versions for type_ in flow.types})),
        batch=True,
        emits=tuple(dict.fromkeys(type_ for flow in versions for type_ in flow.emits)),
        remembers=True,
    )


def names() -> list[str]:
    """Of all, processes before patterns."""
    return sorted(flows, key=lambda name: (newest(name).idle_after is not None, name))


def newest(name: str) -> Flow:
    """The version that new instances take."""
    versions = flows[name]
    return versions[max(versions)]
