"""One event for one instance: which method is called, and what comes of it. Pure.

Live and in a replay it is the same code, so a state is a function of the events handled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flowdeck.declare.event import Event, StoredEvent
from flowdeck.errors import HandlerContractError
from flowdeck.process_managers.flow import Chosen, Flow
from flowdeck.process_managers.instance import Memory, Said

NO_INSTANCE, STALE, LATE = "no instance", "stale timer", "late"
STARTED_BEFORE = "started before"


@dataclass(frozen=True, slots=True)
class Advance:
    """A step taken, or not: then ``note`` says why the event was handed to no method, or why the
    method has passed it over."""

    before: str
    after: str
    note: str
    said: tuple[Said, ...] = ()


def advance(
    flow: Flow, memory: Memory, key: str, version: int, envelope: StoredEvent, event: Event
) -> Advance:
    """Hand ``event`` to the method that is for it, which changes ``memory``.

    Raises HandlerContractError if the method does what it must not, or whatever it raises.
    """
    before = memory.step
    if _is_stale(flow, memory, envelope):
        return Advance(before, before, STALE)
    chosen, note = _chosen(flow, memory, envelope.type)
    if chosen is None:
        return Advance(before, before, note)
    instance = flow.cls(key, version, envelope, memory)
    returned = chosen.function(instance, event)
    said = [*instance._said, *(Said(one) for one in _events_of(flow, chosen, returned))]
    _check(flow, chosen, memory, before)
    if memory.step in flow.ends:
        names = dict.fromkeys([*memory.timers, *(one.timer for one in said if one.timer)])
        said += [Said(None, timer=name) for name in names]
    return Advance(before, memory.step, instance._note, tuple(said))


def _is_stale(flow: Flow, memory: Memory, envelope: StoredEvent) -> bool:
    """Whether it comes from a timer of this process that is none of the instance any more.

    One that is has come with this, so it is open no longer.
    """
    if envelope.producer != flow.name or "timer" not in envelope.metadata:
        return False
    for name, timer in memory.timers.items():
        if timer["event_id"] == str(envelope.id):
            del memory.timers[name]
            return False
    return True


def _chosen(flow: Flow, memory: Memory, type_: str) -> tuple[Chosen | None, str]:
    step = memory.step
    if not step:
        return flow.beginnings.get(type_), NO_INSTANCE
    over = memory.over or step in flow.ends
    if not over and (found := flow.expected.get((step, type_))):
        return found, ""
    if type_ in flow.others:
        return flow.others[type_], ""
    if over:
        return None, LATE
    return None, STARTED_BEFORE if type_ in flow.beginnings else f"unexpected in {step}"


def _events_of(flow: Flow, chosen: Chosen, returned: Any) -> list[Event]:
    several = isinstance(returned, Iterable) and not isinstance(returned, Event)
    found = list(returned) if several else [returned] if returned is not None else []
    for one in found:
        if not isinstance(one, Event):
            raise HandlerContractError(
                f"{_name(flow, chosen)} returned {type(one).__name__}; it may return events, or "
                "None."
            )
    return found


def _check(flow: Flow, chosen: Chosen, memory: Memory, before: str) -> None:
    if memory.state is None:
        raise HandlerContractError(f"{_name(flow, chosen)} begins an instance: set self.state.")
    if not isinstance(memory.state, flow.state):
        raise HandlerContractError(
            f"{_name(flow, chosen)} set self.state to a {type(memory.state).__name__}, not a "
            f"{flow.state.__name__}."
        )
    to = chosen.mark.to
    if to and memory.step not in to:
        raise HandlerContractError(
            f"{_name(flow, chosen)} led from {before} to {memory.step}, which it does not declare: "
            f"to={', '.join(to)}."
        )


def _name(flow: Flow, chosen: Chosen) -> str:
    return f"{flow.cls.__qualname__}.{chosen.function.__name__}"
