"""From stored JSON to typed payloads and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from flowdeck.conf import conf
from flowdeck.declare.event import Event, EventType, StoredEvent
from flowdeck.declare.registry import registry
from flowdeck.declare.upcasting import upcast
from flowdeck.errors import InvalidPayload, PayloadTooLarge, UnknownEventType, UnknownVersion
from flowdeck.privacy.sealing import key_ids, may_be_sealed, opened

# An escaped NUL that is not itself the tail of an escaped backslash.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def load(stored: StoredEvent) -> Event:
    """The typed payload of a stored event, upcast to the declared version.

    Raises UnknownEventType, UnknownVersion or InvalidPayload: the log is never dropped, so a
    processor that needs such an event gets it as a dead letter with this reason.
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
    return _validated(declared, json.dumps(data))


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
    size = len(text) if text.isascii() else len(text.encode())
    if size > conf().MAX_PAYLOAD_BYTES:
        raise PayloadTooLarge(
            f"{declared.name} has {size:,} bytes; the limit is {conf().MAX_PAYLOAD_BYTES:,}. "
            "Store the bulk elsewhere and put a reference into the event."
        )
    if "\\u0000" in text and _NUL.search(text):
        raise InvalidPayload(f"{declared.name} holds a NUL character, which can't be stored.")
    return text


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
