"""Personal fields of a payload, declared on the event type itself.

::

    class ParcelSent(Event, version=2):
        parcel_id: int
        user_id: int
        email: Annotated[str, Personal(subject="user_id")] = ""

This one mark says what must not be shown to everybody (:mod:`flowdeck.privacy.masking`), what is
stored sealed (:mod:`flowdeck.privacy.sealing`) and whose it is.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from flowdeck.errors import RegistrationError

UNSET: Any = object()
MESSAGE = "message:"
"""What a subject begins with that is a message of another system, and nobody an app knows."""


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a payload field as personal, of the person that the field ``subject`` names.

    ``was`` are names the field had in older versions: stored payloads are shown as they are, so
    these are personal too. ``erased`` is what handlers get once the person was forgotten: by
    default the field's own default, or an empty text.
    """

    subject: str
    was: tuple[str, ...] = ()
    erased: Any = UNSET


Eraser = Callable[[str], int]
erasers: dict[str, Eraser] = {}
"""By the name of the projection."""


def eraser(projection: str) -> Callable[[Eraser], Eraser]:
    """Declare the decorated function as what erases a subject from the projection's read model::

        @eraser("contacts")
        def erase(subject: str) -> int:
            return Contact.objects.filter(user_id=subject).update(email="")

    It puts the erased values (those that handlers get) in place of the subject's and returns how
    many rows it changed. It is called with the projection's lanes held.
    """

    def register(function: Eraser) -> Eraser:
        erasers[projection] = function
        return function

    return register


def personal_fields(payload: type[BaseModel]) -> dict[str, Personal]:
    """The marked fields of a payload by name.

    Raises RegistrationError for a mark that names no subject, whose erased value does not fit the
    field, or that is inside of a nested model or a union, where it would be easily missed by
    whoever asks for it.
    """
    found = {}
    for name, field in payload.model_fields.items():
        where = f"{payload.__name__}.{name}"
        if _inside(field.annotation, set()):
            raise RegistrationError(
                f"{where}: a personal field inside of another type can't be masked. Mark the whole "
                f"field: {name}: Annotated[..., Personal(subject=...)]."
            )
        for mark in _marks(field):
            if mark.subject not in payload.model_fields or mark.subject == name:
                raise RegistrationError(
                    f"{where}: its subject {mark.subject!r} is not another field of the event. "
                    "Name the field that says whose it is, such as user_id."
                )
            found[name] = replace(mark, erased=_erased(where, field, mark))
    return found


def _erased(where: str, field: FieldInfo, mark: Personal) -> Any:
    value = mark.erased
    if value is UNSET:
        value = "" if field.is_required() else field.get_default(call_default_factory=True)
    try:
        fitting: Any = Annotated[field.annotation, *field.metadata]
        return TypeAdapter(fitting).validate_python(value)
    except ValidationError as error:
        raise RegistrationError(
            f"{where}: {value!r} does not fit the field, so it can't stand for an erased value. "
            "Give one that does: Personal(subject=..., erased=...)."
        ) from error


def _marks(field: FieldInfo) -> Iterator[Personal]:
    return (mark for mark in field.metadata if isinstance(mark, Personal))


def _inside(annotation: Any, seen: set[Any]) -> bool:
    """Whether a mark is anywhere below the annotation of a field."""
    if any(isinstance(mark, Personal) for mark in getattr(annotation, "__metadata__", ())):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation in seen:
            return False
        seen.add(annotation)
        fields = annotation.model_fields.values()
        return any(any(_marks(f)) or _inside(f.annotation, seen) for f in fields)
    return any(_inside(part, seen) for part in typing.get_args(annotation))
