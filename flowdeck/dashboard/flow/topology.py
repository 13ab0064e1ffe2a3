"""The flow map by topology: what goes through a mediator, and what goes without one.

Derived from what is registered: the processors that say they mediate, the streams that processors
listen to, and who talks to whom.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flowdeck.dashboard.flow.place import Link, Name
from flowdeck.declare.registry import Processor, registry

BROKER, MEDIATOR = "broker", "mediator"
TOPOLOGIES = {BROKER: "Broker", MEDIATOR: "Mediator"}
_TYPE, _PROCESSOR = "type:", "processor:"


def mediators() -> list[Processor]:
    """The processors that decide each next step of their flows, by name."""
    return sorted((p for p in registry.processors.values() if p.mediates), key=lambda p: p.name)


def members(topology: str, keys: Collection[Name], links: Iterable[Link]) -> set[Name]:
    """Which of the nodes belong to a topology; all of them if nobody mediates."""
    found = mediators()
    if not found or topology not in TOPOLOGIES:
        return set(keys)
    own = {_PROCESSOR + p.name for p in found}
    listed = list(links)
    if topology == MEDIATOR:
        return _through(own, listed, found) & set(keys)
    return set(keys) - _only_mediated(own | _confined(found), listed)


def _through(own: set[Name], links: list[Link], found: list[Processor]) -> set[Name]:
    """What mediators set off, step by step, what they hear, and who says that."""
    apart = {
        _PROCESSOR + p.name
        for p in registry.processors.values()
        if not any(_meet(p.streams, mediator.streams) for mediator in found)
    }
    kept = [link for link in links if not apart.intersection(link)]
    reached = set(own)
    while more := {b for a, b in kept if a in reached} - reached:
        reached |= more
    heard = {a for a, b in kept if b in own} - reached
    return reached | heard | {a for a, b in kept if b in heard}


def _only_mediated(gone: set[Name], links: list[Link]) -> set[Name]:
    """``gone``, the types that nobody else writes or acts on, and who wrote only those."""
    types = {end for link in links if gone.intersection(link) for end in link if _is_type(end)}
    out = gone | {name for name in types if _useless(name, gone, links)}
    left = {end for link in links if not out.intersection(link) for end in link}
    beside = {end for link in links if out.intersection(link) for end in link}
    return out | {key for key in beside - left if not _is_type(key)}


def _useless(name: Name, gone: set[Name], links: list[Link]) -> bool:
    writers = {a for a, b in links if b == name}
    listeners = {b for a, b in links if a == name and not _is_projection(b)}
    written = bool(writers & gone) and not writers - gone
    by_processors = any(key.startswith(_PROCESSOR) for key in writers - gone)
    return written or (bool(listeners & gone) and not listeners - gone and not by_processors)


def _confined(found: list[Processor]) -> set[Name]:
    """Processors that listen only to streams of mediators."""
    prefixes = tuple(p.streams for p in found if p.streams)
    return {
        _PROCESSOR + p.name
        for p in registry.processors.values()
        if prefixes and p.streams.startswith(prefixes)
    }


def _meet(one: str, other: str) -> bool:
    """Whether a stream may have both prefixes."""
    return one.startswith(other) or other.startswith(one)


def _is_type(key: Name) -> bool:
    return key.startswith(_TYPE)


def _is_projection(key: Name) -> bool:
    declared = registry.processors.get(key.removeprefix(_PROCESSOR))
    return declared is not None and declared.replayable
