"""What the annotations of a handler say: the event types it takes, and those it returns."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from flowdeck.declare.event import Event
from flowdeck.errors import RegistrationError

_NONE, _NAME = type(None), "__event_type__"


def annotated_events(handler: Callable[..., Any], parameter: str, where: str) -> Iterable[str]:
    """Names of the event types that the annotation of ``parameter`` names.

    Raises RegistrationError, which says ``where``.
    """
    annotation = typing.get_type_hints(handler).get(parameter)
    classes = list(_classes(annotation))
    if not classes or not all(isinstance(c, type) and issubclass(c, Event) for c in classes):
        raise RegistrationError(
            f"{where}: annotate {parameter!r} with the event types it subscribes to, for example "
            f"'{parameter}: ParcelSent | ParcelLost' (list[...] of them with batch=True)."
        )
    return [name for c in classes for name in c.__event_type__.names]


def emitted_types(
    handler: Callable[..., Any], declared: Iterable[type[Event]] | None
) -> tuple[str, ...] | None:
    """Names of ``declared``, or of the event types that the return annotation names."""
    if declared is None:
        found = [
            c for c in _classes(typing.get_type_hints(handler).get("return")) if c is not _NONE
        ]
        if not found or not all(isinstance(c, type) and _NAME in vars(c) for c in found):
            return None
        declared = found
    return tuple(c.__event_type__.name for c in declared)


def _classes(annotation: Any) -> Iterable[Any]:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, list, Sequence, Iterable, Iterator):
        for argument in typing.get_args(annotation):
            yield from _classes(argument)
    elif annotation is not None:
        yield annotation
