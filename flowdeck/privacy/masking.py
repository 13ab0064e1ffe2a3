"""Masking: personal fields of a payload are hidden from everybody; that is decided here alone.

Pages, live fragments, the API, the admin, commands and exports show :func:`masked` payloads; what
a failure says is :func:`scrubbed` before it is kept. Nobody's role changes that, so that one
rendering can be sent to all who watch. Who has to see more asks :mod:`flowdeck.privacy.reveal`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from flowdeck.declare import correction
from flowdeck.declare.event import Event, EventType
from flowdeck.declare.registry import registry
from flowdeck.privacy.sealing import KEY, is_sealed

MASK = "••••"
ERASED = "erased"
_SHORTEST = 3  # a shorter text is found everywhere, and names nobody


def masked(type_name: str, data: Any, gone: frozenset[str] = frozenset()) -> Any:
    """The payload of an event of this type, with a mask for each personal value.

    A value whose key is among those ``gone`` (:func:`flowdeck.privacy.sealing.gone`) is shown as
    erased. Of a type that no installed app declares (any more) nothing is known, so all is masked.
    """
    if not isinstance(data, Mapping):
        return MASK
    if (part := correction.inner(type_name, data)) is not None:
        return {**data, "payload": masked(*part, gone)}
    declared = registry.event_types.get(type_name)
    hidden = data.keys() if declared is None else _names(declared)
    return {
        name: _hidden(value, gone) if name in hidden and value else value
        for name, value in data.items()
    }


def without_personal(type_name: str, data: Any) -> dict[str, Any]:
    """The payload without its personal fields; without any, of a type that nobody declares."""
    declared = registry.event_types.get(type_name)
    if declared is None or not isinstance(data, Mapping):
        return {}
    hidden = _names(declared)
    return {name: value for name, value in data.items() if name not in hidden}


def masked_event(event: Event) -> Event:
    """The event with a mask for each personal text, and what stands for an erased one otherwise.

    So it is of its type still, and what is computed from it can be shown to everybody.
    """
    hidden = {
        name: MASK if type(value) is str else mark.erased
        for name, mark in type(event).__event_type__.personal.items()
        if (value := getattr(event, name)) != mark.erased
    }
    return event.model_copy(update=hidden) if hidden else event


def has_hidden(type_name: str, data: Any, gone: frozenset[str] = frozenset()) -> bool:
    """Whether :func:`masked` hides anything of this payload that could be revealed."""
    shown = masked(type_name, data, gone)
    return any(shown[name] not in (value, ERASED) for name, value in dict(data).items())


def is_personal(field: str) -> bool:
    """Whether a field of this name is personal in any type: then it can't be searched by."""
    return any(field in _names(declared) for declared in registry.event_types.values())


def shown_types() -> list[str]:
    """The types whose payloads can be searched: of all others the whole payload is masked."""
    return sorted(registry.event_types)


def scrubbed(type_name: str, data: Any, text: str) -> str:
    """``text`` (an error, a traceback) without the personal values of this payload."""
    declared = registry.event_types.get(type_name)
    if declared is None or not declared.personal or not isinstance(data, Mapping):
        return text
    values = {one for name in _names(declared) for one in _texts(data.get(name))}
    spellings = {s for one in values for s in (one, quote(one), json.dumps(one)[1:-1])}
    for spelling in sorted(spellings, key=len, reverse=True):
        text = re.sub(re.escape(spelling), MASK, text, flags=re.IGNORECASE)
    return text


def _hidden(value: Any, gone: frozenset[str]) -> str:
    return ERASED if is_sealed(value) and value[KEY] in gone else MASK


def _names(declared: EventType) -> frozenset[str]:
    former = (name for mark in declared.personal.values() for name in mark.was)
    return frozenset((*declared.personal, *former))


def _texts(value: Any) -> Iterator[str]:
    """All texts and numbers inside of a value that are long enough to name somebody."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, (str, int, float)) and len(str(value)) >= _SHORTEST:
        yield str(value)
