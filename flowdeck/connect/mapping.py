"""An inlet: where messages come from, and the events that each of them becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from flowdeck.connect.cloudevent import CloudEvent
from flowdeck.declare.event import Draft

_IDS = UUID("6f7b3a52-7f0c-4d0c-9f5e-0b6f6b7c1d11")

Mapping = Callable[[CloudEvent], Draft | Sequence[Draft] | None]


@dataclass(frozen=True, slots=True)
class Inlet:
    """An inlet as declared in code. ``batch`` messages at most are taken in by one transaction."""

    name: str
    broker: str
    source: str
    group: str
    batch: int
    mapping: Mapping

    @property
    def stream(self) -> str:
        """The stream of what it could not take in."""
        return f"inlet-{self.name}/refused"


inlets: dict[str, Inlet] = {}
"""By name, in the order of their declaration."""


def drafts(made: Inlet, message: CloudEvent) -> list[Draft]:
    """The events that a message becomes, with ids that are the same whenever it comes.

    Raises what the mapping raises.
    """
    found = made.mapping(message)
    events = [] if found is None else [found] if isinstance(found, Draft) else list(found)
    return [_completed(made, message, number, draft) for number, draft in enumerate(events)]


def event_id(inlet: str, source: str, id_: str, number: int = 0) -> UUID:
    """The id of an event that is made of a message: its own for each inlet."""
    return uuid5(_IDS, "\n".join((inlet, source, id_, str(number))))


def _completed(made: Inlet, message: CloudEvent, number: int, draft: Draft) -> Draft:
    return replace(
        draft,
        id=event_id(made.name, message.source, message.id, number),
        correlation_id=draft.correlation_id or message.correlation_id,
        causation_id=draft.causation_id or message.via,
        producer=draft.producer or made.name,
        occurred_at=draft.occurred_at or message.time,
        traceparent=draft.traceparent or message.traceparent,
        hops=message.hops + 1,
        via=message.own_id,
        came=(made.name, message.source),
    )
