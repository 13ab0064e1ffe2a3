"""The glyph of an event type: its shape says its role, its hue who produces it."""

from __future__ import annotations

from flowdeck.dashboard.shared.observed import TypeStatus
from flowdeck.declare.registry import registry


def role_of_type(status: TypeStatus) -> str:
    """Shape: refusal, start (no processor writes it), end (only read models listen) or event."""
    declared = registry.event_types.get(status.name)
    if declared is not None and declared.refusal is True:
        return "refusal"
    if all(listener.replayable for listener in registry.subscribers(status.name)):
        return "end"
    by_processors = _emitters(status.name) or registry.processors.keys() & status.producers
    return "event" if by_processors or not status.producers else "start"


def hue_of_type(status: TypeStatus) -> str:
    """The producer whose hue it has: that of the newest, else the first that may write it."""
    return status.last_producer or next(iter(_emitters(status.name)), status.name)


def _emitters(name: str) -> list[str]:
    return sorted(p.name for p in registry.processors.values() if name in (p.emits or ()))
