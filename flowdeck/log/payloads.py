"""From stored JSON to typed payloads and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from flowdeck.declare.event import Event, EventType, StoredEvent
from flowdeck.declare.registry import registry
from flowdeck.declare.round_trip import same
from flowdeck.declare.upcasting import upcast
from flowdeck.errors import InvalidPayload, UnknownEventType, UnknownVersion
from flowdeck.log.storable import as_text, check_payload
from flowdeck.privacy.sealing import key_ids, may_be_sealed, opened


def load(stored: StoredEvent) -> Event:
    """The typed payload of a stored event, upcast to the declared version.

    Raises UnknownEventType, UnknownVersion or InvalidPayload: the log is never dropped, so a
    processor that needs such an event waits for newer code, or has a dead letter with this reason.
    """
    declared = registry.event_type(stored.type)
    if declared.personal and may_be_sealed(stored):
        stored = _unsealed(stored)
    if stored.version == declared.version:
        return _validated(declared, stored.data)
    return _validated(declared, json.dumps(upcast(declared, stored.version, stored.payload)))


def parse(type_name: str, data: Mapping[str, Any], version: int | None = None) -> Event:
    """A typed event from untrusted JSON values.

    Raises UnknownEventType, UnknownVersion or InvalidPayload with a message for people.
    """
    declared = registry.event_type(type_name)
    if version is not None and version != declared.version:
        raise UnknownVersion(
            f"{type_name} has version {declared.version}; version {version} can't be published."
        )
    return _validated(declared, as_text(type_name, data))


def dump(event: Event) -> str:
    """The JSON text to store. Raises UnknownEventType, InvalidPayload or PayloadTooLarge."""
    declared: EventType | None = getattr(type(event), "__event_type__", None)
    if declared is None or registry.event_types.get(declared.name) is not declared:
        raise UnknownEventType(
            f"{type(event).__name__} is not a declared event type: subclass flowdeck.Event in a "
            "module that an installed app loads at start."
        )
    try:
        text = event.model_dump_json(warnings="error")
    except (PydanticSerializationError, UnicodeEncodeError) as error:
        raise InvalidPayload(f"{declared.name} can't be stored as JSON: {error}") from error
    check_payload(declared.name, text)
    if declared.round_trip.by_value:
        _look_again(declared, event, text)
    return text


def _look_again(declared: EventType, event: Event, text: str) -> None:
    """Refuse an event that would not be loaded, or as another one."""
    again = _validated(declared, text)
    if not same(again, event):
        kept, given = dict(again), dict(event)
        names = [n for n in given if n not in kept or not same(kept[n], given[n])]
        raise InvalidPayload(
            f"{declared.name} would be read as another event: {', '.join(names) or 'a part of it'} "
            "has a value that JSON has no form for, such as a tuple, a key that is no text, or an "
            "instance of a subclass. Declare the field with the type of what it holds."
        )


def _unsealed(stored: StoredEvent) -> StoredEvent:
    (found,) = opened([stored])
    if key_ids(found.payload):
        raise InvalidPayload(
            f"{stored.type}: a personal value can't be opened. Its key can't be unwrapped (is the "
            "former FLOWDECK['PERSONAL_KEY'] or SECRET_KEY among its fallbacks?), or it was "
            "changed."
        )
    return found


def _validated(declared: EventType, text: str) -> Event:
    try:
        return declared.cls.model_validate_json(text)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'payload'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)[:5]
        )
        raise InvalidPayload(
            f"{declared.name} v{declared.version} does not fit its schema: {faults}."
        ) from error
