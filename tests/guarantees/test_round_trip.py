"""What is published is loaded as the same event, or refused: at its declaration or with a value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from types import new_class
from typing import Annotated, Any, Literal, Optional, Union
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    Field,
    Json,
    PlainSerializer,
    PrivateAttr,
    Secret,
    SecretStr,
    ValidationError,
    computed_field,
    field_validator,
)

from flowdeck import Event, load
from flowdeck.declare.event import StoredEvent
from flowdeck.declare.registry import registry
from flowdeck.declare.round_trip import same
from flowdeck.errors import PublishError, RegistrationError
from flowdeck.log.payloads import dump
from tests.hostile import nested


class Colour(StrEnum):
    RED = "red"


class Size(Enum):
    BIG = (1, 2)


class Thing(BaseModel):
    name: str = ""
    weight: float = 0


class Special(Thing):
    more: int = 0


@pytest.fixture(autouse=True)
def _undeclared() -> Iterator[None]:
    known = dict(registry.event_types)
    yield
    registry.event_types.clear()
    registry.event_types.update(known)


def declared(annotation: Any, **members: Any) -> type[Event]:
    """An event type with one field ``a``."""
    body = {"__annotations__": {"a": annotation}, "__module__": __name__, **members}
    return new_class("Drawn", (Event,), {}, lambda namespace: namespace.update(body))


def stored(event: Event, text: str) -> StoredEvent:
    now = datetime.now(UTC)
    kind = type(event).__event_type__
    return StoredEvent(
        1, uuid4(), "s", 1, kind.name, kind.version, text, {}, "s", uuid4(), None, "p", now, now
    )


class Doubled(Thing):
    @computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> float:
        return self.weight * 2


class Sealed(BaseModel, extra="forbid"):
    @computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return 2


class Aliased(BaseModel):
    a: int = Field(alias="b")


NEVER = {
    "alias": (Annotated[int, Field(alias="b")], "name the field so"),
    "alias inside": (list[Aliased], "Aliased.a"),
    "exclude": (Annotated[int, Field(exclude=True)], "is not stored"),
    "Json": (Json, "use its type"),
    "Json of": (Json[int], "use its type"),
    "secret": (SecretStr, "stars"),
    "secret of": (dict[str, list[Secret[int]]], "stars"),
    "str or Decimal": (str | Decimal, "declare Decimal alone"),
    "date or str": (Optional[Union[date, str]], "declare date alone"),  # noqa: UP007, UP045
    "tuples as keys": (dict[tuple[int, int], int], "list of pairs"),
    "computed inside": (Sealed | None, "use a @property"),
}


@pytest.mark.parametrize(("annotation", "message"), NEVER.values(), ids=NEVER)
def test_a_field_that_never_makes_it_is_refused_at_its_declaration(
    annotation: Any, message: str
) -> None:
    with pytest.raises(RegistrationError, match=message):
        declared(annotation)
    assert "Drawn" not in registry.event_types


def test_a_computed_field_is_refused_at_its_declaration() -> None:
    with pytest.raises(RegistrationError, match="use a @property"):
        declared(int, twice=computed_field(property(_twice)))


class _Seeing(Event, abstract=True):
    a: int
    _seen: list[int] = PrivateAttr(default_factory=list)


def _twice(self: Any) -> int:
    return 2


LOST: dict[str, tuple[Any, Any]] = {
    "subclass": (Thing, Special(more=7)),
    "subclass inside": (dict[str, list[Thing]], {"x": [Special(more=7)]}),
    "nan": (Thing, Thing(weight=float("nan"))),
    "infinity": (Thing | None, Thing(weight=float("inf"))),
    "nan in any": (Any, float("nan")),
    "tuple in any": (Any, (1, 2)),
    "keys in any": (dict[str, Any], {"x": {1: 2}}),
    "moment in any": (Any, date(2026, 1, 1)),
    "digits": (int, 10**4_300),
    "digits in any": (Any, [10**4_300]),
    "nested": (Any, nested(101)),
    "enum": (Size, Size.BIG),
    "zone of old": (datetime, datetime(1800, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))),
    "written otherwise": (Annotated[int, PlainSerializer(str, return_type=str)] | None, 7),
    "half a character": (Any, {"\ud800": 1}),
}


@pytest.mark.parametrize(("annotation", "value"), LOST.values(), ids=LOST)
def test_a_value_that_would_be_another_is_refused(annotation: Any, value: Any) -> None:
    event = declared(annotation)(a=value)  # type: ignore[call-arg]
    if annotation == LOST["written otherwise"][0]:
        assert load(stored(event, dump(event))) == event  # a text of digits is read as a number
        return
    with pytest.raises(PublishError):
        dump(event)


def test_a_validator_that_changes_what_it_reads_is_found() -> None:
    grow = field_validator("a")(lambda value: value + 1)
    event = declared(int, grow=grow)(a=1)  # type: ignore[call-arg]
    with pytest.raises(PublishError, match=r"would be read as another event: a "):
        dump(event)


def test_what_is_private_is_not_lost() -> None:
    event = new_class("Drawn", (_Seeing,))(a=1)
    assert load(stored(event, dump(event))) == event
    event._seen.append(7)
    with pytest.raises(PublishError):
        dump(event)


def test_the_hour_that_comes_twice_is_kept() -> None:
    zone = ZoneInfo("Europe/Berlin")
    for fold in (0, 1):
        event = declared(datetime)(a=datetime(2024, 10, 27, 2, 30, fold=fold, tzinfo=zone))  # type: ignore[call-arg]
        assert same(load(stored(event, dump(event))), event)


_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers() | st.integers(4_298, 4_301).map(lambda digits: 10**digits),
    str: st.text(st.characters(codec=None), max_size=5),
    bool: st.booleans(),
    float: st.floats(),
    Decimal: st.decimals(allow_nan=False),
    UUID: st.uuids(),
    date: st.dates(),
    datetime: st.datetimes(
        timezones=st.none()
        | st.sampled_from([ZoneInfo("Europe/Berlin"), UTC, timezone(timedelta(seconds=61))])
    ),
    time: st.times(),
    timedelta: st.timedeltas(),
    bytes: st.binary(max_size=5),
    None: st.none(),
    Colour: st.just(Colour.RED),
    Size: st.just(Size.BIG),
    Literal["a", 1, None]: st.sampled_from(["a", 1, None]),
    Annotated[int, Field(ge=0)]: st.integers(0),
}
_ANY = st.recursive(
    st.one_of(*_SCALARS.values()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=3),
    ),
    max_leaves=5,
)
_HASHED = (int, str, bool, UUID, date, Decimal, Colour)


def _wider(inner: st.SearchStrategy[tuple[Any, Any]]) -> st.SearchStrategy[tuple[Any, Any]]:
    return st.one_of(
        inner.map(lambda one: (list[one[0]], st.lists(one[1], max_size=3))),  # type: ignore[name-defined]
        inner.map(lambda one: (tuple[one[0], ...], st.tuples(one[1], one[1]))),  # type: ignore[name-defined]
        inner.map(lambda one: (Optional[one[0]], st.none() | one[1])),  # noqa: UP045
        st.tuples(inner, inner).map(
            lambda two: (Union[two[0][0], two[1][0]], two[0][1] | two[1][1])  # noqa: UP007
        ),
        st.tuples(st.sampled_from(_HASHED), inner).map(
            lambda two: (
                dict[two[0], two[1][0]],  # type: ignore[name-defined]
                st.dictionaries(_SCALARS[two[0]], two[1][1], max_size=3),
            )
        ),
        st.sampled_from(_HASHED).map(
            lambda one: (frozenset[one], st.frozensets(_SCALARS[one], max_size=3))  # type: ignore[valid-type]
        ),
        inner.map(_modelled),
    )


def _modelled(one: tuple[Any, Any]) -> tuple[Any, Any]:
    body = {"__annotations__": {"b": one[0]}, "__module__": __name__}
    model = new_class("Model", (BaseModel,), {}, lambda namespace: namespace.update(body))
    return model, one[1].map(lambda value: {"b": value})


_FIELDS = st.recursive(
    st.one_of(
        st.sampled_from(list(_SCALARS)).map(lambda one: (one, _SCALARS[one])),
        st.just((Any, _ANY)),
        st.just((Thing, st.builds(Thing, weight=st.floats()) | st.builds(Special))),
    ),
    _wider,
    max_leaves=3,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(_FIELDS, st.data())
def test_whatever_is_published_is_loaded_as_the_same_or_refused(
    field: tuple[Any, Any], data: st.DataObject
) -> None:
    annotation, values = field
    try:
        kind = declared(annotation)
    except RegistrationError:
        assume(False)
    try:
        event = kind(a=data.draw(values))  # type: ignore[call-arg]
    except (ValidationError, OverflowError):
        assume(False)
    try:
        text = dump(event)
    except PublishError:
        return
    assert same(load(stored(event, text)), event)
