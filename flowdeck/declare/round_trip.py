"""Whether what is stored of an event is read as the same event, told by its type.

An event that can't be loaded again, or is loaded as another one, is lost. What never makes the
round trip is refused when it is declared; where only values can tell, each event is looked at when
it is published (:func:`flowdeck.log.payloads.dump`); what surely makes it costs nothing.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from typing import Annotated, Any, Literal, NoReturn
from uuid import UUID

from pydantic import BaseModel, Json, Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from flowdeck.declare.personal import Personal
from flowdeck.errors import RegistrationError

_SURE = (str, int, bool, type(None), Decimal, UUID, date, timedelta, bytes)
_ROWS = (list, set, frozenset, tuple)
_KEYS = (str, int, UUID, date)
_AS_TEXT = (Decimal, UUID, date, datetime, time, timedelta, bytes)
_JSON: Any = Json  # to type checkers it is another thing
_SECRETS: tuple[Any, ...] = (SecretStr, SecretBytes, Secret)
_UNIONS = (typing.Union, types.UnionType)
_CONFIG = frozenset(("frozen", "extra", "title", "allow_inf_nan"))
"""Settings of a model that don't change how it is written and read."""


@dataclass(slots=True)
class RoundTrip:
    """``sure`` if all values make it; else each is to be looked at.

    ``models`` are those inside of it: an instance of a subclass would lose its own fields.
    """

    sure: bool = True
    models: set[type[BaseModel]] = field(default_factory=set)

    @property
    def by_value(self) -> bool:
        """Whether each event is to be looked at."""
        return not self.sure or any(model.__subclasses__() for model in self.models)


def round_trip(cls: type[BaseModel]) -> RoundTrip:
    """What is known of an event type. Raises RegistrationError for what can't make it."""
    found = RoundTrip()
    _model(cls, found, [])
    return found


def _model(cls: type[BaseModel], found: RoundTrip, above: list[type[BaseModel]]) -> None:
    if cls in above:
        found.sure = False  # as deep as its values are
        return
    decorators = cls.__pydantic_decorators__
    if cls.__pydantic_computed_fields__ and cls.model_config.get("extra") == "forbid":
        name = next(iter(cls.__pydantic_computed_fields__))
        _refuse(cls, name, "a computed field is stored, but not taken when read", "use a @property")
    plain = cls.model_config.keys() <= _CONFIG and cls.model_config.get("extra") != "allow"
    hooks = (
        decorators.validators,
        decorators.field_validators,
        decorators.root_validators,
        decorators.field_serializers,
        decorators.model_serializers,
        decorators.model_validators,
        decorators.computed_fields,
        cls.__private_attributes__,
    )
    hooked = any(hooks) or cls.model_post_init is not BaseModel.model_post_init
    found.sure = found.sure and plain and not hooked and not cls.__pydantic_root_model__
    finite = cls.model_config.get("allow_inf_nan") is False
    for name, info in cls.model_fields.items():
        _field(cls, name, info)
        _metadata(cls, name, info.metadata, found)
        _type(info.annotation, _Place(cls, name, finite, [*above, cls]), found)


@dataclass(frozen=True, slots=True)
class _Place:
    """A field, and the models around it."""

    cls: type[BaseModel]
    name: str
    finite: bool
    above: list[type[BaseModel]]


def _field(cls: type[BaseModel], name: str, info: FieldInfo) -> None:
    config = cls.model_config
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    if (info.validation_alias is not None and not by_name) or (
        info.serialization_alias is not None and config.get("serialize_by_alias")
    ):
        _refuse(cls, name, "an alias is another name than it is stored by", "name the field so")
    if info.exclude or info.exclude_if is not None:
        _refuse(cls, name, "an excluded field is not stored", "leave it out, or store it")


def _metadata(cls: type[BaseModel], name: str, marks: Any, found: RoundTrip) -> None:
    if any(mark is _JSON or isinstance(mark, _JSON) for mark in marks):
        _refuse(cls, name, "Json is stored as what it holds, but read from a text", "use its type")
    if not all(isinstance(mark, Personal) for mark in marks):
        found.sure = False  # limits and functions: what they do with a stored value is unknown


def _type(annotation: Any, at: _Place, found: RoundTrip) -> None:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        _metadata(at.cls, at.name, parts[1:], found)
        _type(parts[0], at, found)
    elif origin is Literal:
        found.sure = found.sure and all(type(one) in (str, int, bool, type(None)) for one in parts)
    elif origin in _UNIONS:
        _union(parts, at, found)
    elif origin is dict:
        _key(parts[0], at, found)
        _type(parts[1], at, found)
    elif isinstance(origin or annotation, type) and (not parts or issubclass(origin, Secret)):
        _class(origin or annotation, at, found)
    else:
        found.sure = found.sure and origin in _ROWS
        _inside(parts, at, found)


def _inside(parts: tuple[Any, ...], at: _Place, found: RoundTrip) -> None:
    """What is never right is so within any other type, too."""
    for part in parts:
        if isinstance(part, type) or typing.get_origin(part) is not None:
            _type(part, at, found)


def _class(cls: type, at: _Place, found: RoundTrip) -> None:
    if issubclass(cls, _SECRETS):
        _refuse(
            at.cls, at.name, "a secret is stored as stars", "mark a str Personal, or keep it out"
        )
    elif cls is _JSON:
        _refuse(at.cls, at.name, "Json is read from a text, but stored as a value", "use its type")
    elif issubclass(cls, BaseModel):
        found.models.add(cls)
        _model(cls, found, at.above)
    elif issubclass(cls, Enum):
        plain = not issubclass(cls, Flag) and all(type(one.value) in (str, int) for one in cls)
        found.sure = found.sure and plain
    elif cls is float:
        found.sure = found.sure and at.finite
    elif cls not in _SURE:
        found.sure = False


def _union(parts: tuple[Any, ...], at: _Place, found: RoundTrip) -> None:
    bare = [one.__origin__ if typing.get_origin(one) is Annotated else one for one in parts]
    alike = [one for one in bare if one in _AS_TEXT]
    if str in bare and alike:
        _refuse(
            at.cls,
            at.name,
            f"{alike[0].__name__} is stored as a text, and read as str",
            f"declare {alike[0].__name__} alone, or two fields",
        )
    if len([one for one in bare if one is not type(None)]) > 1:
        found.sure = False
    for part in parts:
        _type(part, at, found)


def _key(key: Any, at: _Place, found: RoundTrip) -> None:
    if typing.get_origin(key) is Annotated:
        key = key.__origin__
    if key is type(None) or typing.get_origin(key) in (tuple, frozenset) or _is_model(key):
        _refuse(at.cls, at.name, f"keys in JSON are texts, not {key}", "use a list of pairs")
    found.sure = found.sure and key in _KEYS


def _is_model(key: Any) -> bool:
    return isinstance(key, type) and issubclass(key, (BaseModel, tuple, frozenset))


def _refuse(cls: type[BaseModel], name: str, why: str, instead: str) -> NoReturn:
    raise RegistrationError(
        f"{cls.__name__}.{name} would not be read as it was published: {why}. Instead, {instead}."
    )


def same(one: Any, other: Any) -> bool:
    """Whether two events are equal. Times are so if they are the same moment in any two zones."""
    return bool(one == other) or _alike(one, other)


def _alike(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, datetime) and one.tzinfo is not None and other.tzinfo is not None:
        return bool(one.timestamp() == other.timestamp() and one.microsecond == other.microsecond)
    if isinstance(one, BaseModel):
        private: bool = one.__pydantic_private__ == other.__pydantic_private__
        return private and _alike(dict(one), dict(other))
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_alike(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(
            _alike(*pair) for pair in zip(one, other, strict=True)
        )
    return bool(one == other)
