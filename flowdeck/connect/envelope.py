"""Events of the log as the messages of an outlet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from flowdeck.connect.messages import Outgoing
from flowdeck.declare.event import StoredEvent
from flowdeck.declare.registry import registry
from flowdeck.privacy.masking import masked, without_personal
from flowdeck.privacy.sealing import gone
from flowdeck.transfer.cloudevents import attributes

PersonalAs = Literal["masked", "sealed", "left-out"]
PERSONAL: tuple[PersonalAs, ...] = ("masked", "sealed", "left-out")


def messages(to: str, personal: PersonalAs, events: Sequence[StoredEvent]) -> list[Outgoing]:
    """The messages of events as they are stored; an event is the same message every time.

    But for what was erased meanwhile. One query at most, for the keys of masked values.
    """
    about_people = [one.payload for one in events if _may_hold_personal(one)]
    missing = gone(about_people) if personal == "masked" and about_people else frozenset()
    return [_message(to, personal, one, missing) for one in events]


def _message(
    to: str, personal: PersonalAs, event: StoredEvent, missing: frozenset[str]
) -> Outgoing:
    data, hides = event.data, False
    if personal != "sealed" and _may_hold_personal(event):
        if personal == "masked":
            shown = masked(event.type, event.payload, missing)
        else:
            shown = without_personal(event.type, event.payload)
        hides, data = shown != event.payload, json.dumps(shown)
    return Outgoing(
        id=str(event.id),
        to=to.format(type=event.type),
        key=event.key,
        attributes=attributes(event, masked=hides),
        data=data,
    )


def _may_hold_personal(event: StoredEvent) -> bool:
    """Of a type that nobody declares nothing is known, so all of it may be."""
    declared = registry.event_types.get(event.type)
    return declared is None or bool(declared.personal)
