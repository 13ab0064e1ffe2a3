"""Which fields of a payload are personal is declared once, on the type."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel

from events.domain_events import OrderCreated, OrderSubmitted
from flowdeck import Event, Personal
from flowdeck.errors import RegistrationError


class Inside(BaseModel):
    name: Annotated[str, Personal(subject="user_id")]


def test_a_type_says_which_fields_are_personal_and_whose_they_are() -> None:
    for declared in (OrderCreated, OrderSubmitted):
        personal = declared.__event_type__.personal
        assert {name: mark.subject for name, mark in personal.items()} == {"email": "user_id"}


def declare_unknown_subject() -> None:
    class PersonalOfNobody(Event, version=1):
        email: Annotated[str, Personal(subject="owner")]


def declare_own_subject() -> None:
    class PersonalOfItself(Event, version=1):
        email: Annotated[str, Personal(subject="email")]


def declare_nested_mark() -> None:
    class PersonalInside(Event, version=1):
        user_id: int
        people: list[Inside]


def declare_mark_in_a_union() -> None:
    class PersonalInUnion(Event, version=1):
        user_id: int
        email: Annotated[str, Personal(subject="user_id")] | None = None


def declare_personal_key() -> None:
    class PersonalKey(Event, version=1, key="email"):
        user_id: int
        email: Annotated[str, Personal(subject="user_id")]


@pytest.mark.parametrize(
    ("declare", "told"),
    [
        (declare_unknown_subject, "Name the field that says whose it is"),
        (declare_own_subject, "Name the field that says whose it is"),
        (declare_nested_mark, "Mark the whole field"),
        (declare_mark_in_a_union, "Mark the whole field"),
        (declare_personal_key, "keys are shown"),
    ],
)
def test_a_mark_that_would_protect_nothing_is_refused(declare, told) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RegistrationError, match=told):
        declare()
