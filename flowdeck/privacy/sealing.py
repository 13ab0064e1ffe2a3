"""Personal values in stored payloads: sealed with the key of the person, opened when they are read.

A sealed value is ``{"$sealed": ..., "$key": ...}`` in place of the value: AES-256-GCM, bound to the
type and the field it was stored in. Types without personal fields are passed by; a personal field
that holds nothing (its erased value) is stored as it is.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic_core import to_jsonable_python

from flowdeck.declare import correction
from flowdeck.declare.event import Event, EventType, StoredEvent
from flowdeck.declare.registry import registry
from flowdeck.errors import InvalidPayload
from flowdeck.privacy import keys as subject_keys

SEALED, KEY = "$sealed", "$key"
_NONCE = 12
_LONGEST_SUBJECT = 200
_MARK = "$"  # no JSON begins with it

Payload = dict[str, Any]


def sealed(events: Sequence[Event], payloads: list[str]) -> list[str]:
    """The texts to store: ``payloads`` with what is personal sealed.

    Constant number of queries, none if nothing is personal. Needs an open transaction. Raises
    InvalidPayload for a value without a subject, or PersonalKeyUnreadable.
    """
    if not any(type(event).__event_type__.personal for event in events):
        return payloads
    found = {number: held for number, event in enumerate(events) if (held := _held(event))}
    if not found:
        return payloads
    keys = subject_keys.of_subjects({one for held in found.values() for one in held.values()})
    texts = list(payloads)
    for number, held in found.items():
        name, data = type(events[number]).__event_type__.name, json.loads(texts[number])
        for field, subject in held.items():
            data[field] = _seal(keys[subject], _place(name, field), data[field])
        texts[number] = json.dumps(data)
    return texts


def seal_payloads(given: Sequence[tuple[str, Payload]]) -> list[Payload]:
    """Payloads by type name, as they come from elsewhere, with what is personal sealed.

    What is sealed already stays. Constant number of queries; needs an open transaction. Raises
    InvalidPayload for a personal value without a subject.
    """
    parts = [correction.inner(*one) or one for one in given]
    return [
        part if corrected is data else {**data, "payload": part}
        for part, (_, corrected), (_, data) in zip(_all_sealed(parts), parts, given, strict=True)
    ]


def _all_sealed(given: Sequence[tuple[str, Payload]]) -> list[Payload]:
    held = [_unsealed_of(type_name, data) for type_name, data in given]
    subjects = {subject for one in held for subject in one.values()}
    keys = subject_keys.of_subjects(subjects) if subjects else {}
    return [
        {
            name: _seal(keys[of[name]], _place(type_name, name), value) if name in of else value
            for name, value in data.items()
        }
        for (type_name, data), of in zip(given, held, strict=True)
    ]


def _unsealed_of(type_name: str, data: Payload) -> dict[str, str]:
    declared = registry.event_types.get(type_name)
    found = {}
    for name, mark in declared.personal.items() if declared is not None else ():
        for spelled in (name, *mark.was):
            value = data.get(spelled)
            if value is None or is_sealed(value) or value == to_jsonable_python(mark.erased):
                continue
            if not 1 <= len(subject := str(data.get(mark.subject, ""))) <= _LONGEST_SUBJECT:
                raise InvalidPayload(f"{type_name}.{spelled} is personal, but names no subject.")
            found[spelled] = subject
    return found


def sealed_texts(given: Sequence[tuple[str, Collection[str], str]]) -> list[str]:
    """Texts to be stored at a place, each sealed with the keys of all its subjects.

    A text without subjects stays. Constant number of queries, none if there are no subjects; needs
    an open transaction.
    """
    subjects = {one for _, several, _ in given for one in several}
    keys = subject_keys.of_subjects(subjects) if subjects else {}
    texts = []
    for place, several, text in given:
        for subject in sorted(several):
            text = _MARK + json.dumps(_seal(keys[subject], place.encode(), text))
        texts.append(text)
    return texts


def opened_texts(given: Sequence[tuple[str, str]]) -> list[str | None]:
    """Texts that were stored at a place, opened; None for one whose key is gone.

    As many queries as the most subjects of one text have.
    """
    texts: list[str | None] = [text for _, text in given]
    while ids := {seal[KEY] for text in texts if (seal := seal_of(text)) is not None}:
        keys = subject_keys.by_ids(ids)
        for number, (place, _) in enumerate(given):
            if (seal := seal_of(texts[number])) is not None:
                inner = _unsealed(place.encode(), seal, keys.get(seal[KEY]), None)
                texts[number] = inner if isinstance(inner, str) else None
    return texts


def seal_of(text: str | None) -> dict[str, str] | None:
    """The outermost seal of a stored text, if it has one."""
    found = json.loads(text[1:]) if text and text.startswith(_MARK) else None
    return found if is_sealed(found) else None


def subjects_of(event: StoredEvent) -> set[str]:
    """Whom the personal fields of an event are about, as its payload says."""
    declared = registry.event_types.get(event.type)
    if declared is None or not declared.personal:
        return set()
    named = {mark.subject for mark in declared.personal.values()}
    found = {str(event.payload[name]) for name in named if event.payload.get(name) is not None}
    return {one for one in found if 1 <= len(one) <= _LONGEST_SUBJECT}


def opened(events: Sequence[StoredEvent]) -> list[StoredEvent]:
    """The events with what is personal opened, or erased if the key is gone. One query at most.

    What can't be opened with its key stays sealed, and so is refused when it is loaded.
    """
    ids = {id_ for event in events if may_be_sealed(event) for id_ in key_ids(event.payload)}
    if not ids:
        return list(events)
    keys = subject_keys.by_ids(ids)
    return [_opened(event, keys) if may_be_sealed(event) else event for event in events]


def may_be_sealed(event: StoredEvent) -> bool:
    """A cheap look: False is certain."""
    declared = registry.event_types.get(event.type)
    return declared is not None and bool(declared.personal) and SEALED in event.data


def key_ids(data: Any) -> set[str]:
    """The keys that a payload's sealed values need, also those of one that it corrects by."""
    if not isinstance(data, Mapping):
        return set()
    within = data.get("payload")
    values = (*data.values(), *(within.values() if isinstance(within, Mapping) else ()))
    return {str(value[KEY]) for value in values if is_sealed(value)}


def gone(payloads: Iterable[Any]) -> frozenset[str]:
    """Of the keys that stored payloads need, those that are gone; one query at most."""
    ids = {id_ for data in payloads for id_ in key_ids(data)}
    return frozenset(ids - subject_keys.by_ids(ids).keys()) if ids else frozenset()


def readable(type_name: str, data: Any, erased: Any) -> Any:
    """A stored payload with its sealed values opened, ``erased`` for those without a key."""
    if (part := correction.inner(type_name, data)) is not None:
        return {**data, "payload": readable(*part, erased)}
    if not (ids := key_ids(data)):
        return data
    keys = subject_keys.by_ids(ids)
    return {
        name: _open(type_name, name, value, keys.get(str(value[KEY])), erased)
        if is_sealed(value)
        else value
        for name, value in data.items()
    }


def is_sealed(value: Any) -> bool:
    """Whether a value of a stored payload is a sealed one."""
    return (
        isinstance(value, Mapping)
        and value.keys() == {SEALED, KEY}
        and isinstance(value[KEY], str)
        and isinstance(value[SEALED], str)
    )


def open_values(declared: EventType, data: Mapping[str, Any], keys: Mapping[str, bytes]) -> Payload:
    """A stored payload with its sealed values opened by ``keys``; those without a key erased."""
    return {
        name: _open(declared.name, name, value, keys.get(str(value[KEY])), declared.erased(name))
        if is_sealed(value)
        else value
        for name, value in data.items()
    }


def _opened(event: StoredEvent, keys: Mapping[str, bytes]) -> StoredEvent:
    declared = registry.event_types[event.type]
    return replace(event, data=json.dumps(open_values(declared, event.payload, keys)))


def _held(event: Event) -> dict[str, str]:
    """The personal fields of an event that hold something, each with its subject."""
    declared = type(event).__event_type__
    return {
        name: _subject(event, declared, mark.subject)
        for name, mark in declared.personal.items()
        if getattr(event, name) != mark.erased
    }


def _subject(event: Event, declared: EventType, field: str) -> str:
    subject = str(getattr(event, field))
    if not 1 <= len(subject) <= _LONGEST_SUBJECT:
        raise InvalidPayload(
            f"{declared.name}.{field} says whose the personal fields are, so it needs 1 to "
            f"{_LONGEST_SUBJECT} characters, not {len(subject)}."
        )
    return subject


def _seal(key: subject_keys.SubjectKey, place: bytes, value: Any) -> Payload:
    nonce = os.urandom(_NONCE)
    secret = nonce + AESGCM(key.secret).encrypt(nonce, json.dumps(value).encode(), place)
    return {SEALED: base64.b64encode(secret).decode(), KEY: key.id}


def _open(
    type_name: str, field: str, value: Mapping[str, Any], key: bytes | None, erased: Any
) -> Any:
    return _unsealed(_place(type_name, field), value, key, erased)


def _unsealed(place: bytes, value: Mapping[str, Any], key: bytes | None, erased: Any) -> Any:
    if key is None:
        return erased
    try:
        secret = base64.b64decode(value[SEALED], validate=True)
        return json.loads(AESGCM(key).decrypt(secret[:_NONCE], secret[_NONCE:], place))
    except (InvalidTag, ValueError, TypeError):
        return value


def _place(type_name: str, field: str) -> bytes:
    return f"{type_name}.{field}".encode()
