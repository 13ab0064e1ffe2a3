"""A stream's state as of each event: folded by the app's rule, or what the payloads say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from pytest_django import DjangoAssertNumQueries

from flowdeck import Event, publish
from flowdeck.observe import history
from tests.old_events import append_unchecked
from tests.probe.events import Echoed, Probed, Told

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Sum:
    total: int = 0
    last: str = ""


def evolve(state: Sum, event: Event) -> Sum:
    return replace(state, total=state.total + event.n) if isinstance(event, Probed) else state


@pytest.fixture
def sums() -> Iterator[None]:
    history.register("sum-", Sum(), evolve)
    yield
    history._folds.pop("sum-")


def found(stream: str, at: int | None = None) -> history.History:
    answer = history.history_of(stream, at)
    assert answer is not None
    return answer


def test_it_says_what_each_event_changed(sums: None) -> None:
    publish(Probed(n=2), Echoed(n=9, by="me"), Probed(n=3), stream="sum-1")
    told = found("sum-1")
    assert (told.head, told.at, told.typed) == (3, 3, True)
    assert [step.state["total"] for step in told.steps] == [2, 2, 5]
    assert [[c.name for c in step.changes] for step in told.steps] == [["total"], [], ["total"]]
    (change,) = told.steps[2].changes
    assert (change.before, change.text) == ("2", "5")


def test_without_a_rule_it_is_what_the_payloads_say() -> None:
    publish(Probed(n=2), Echoed(n=9, by="me"), stream="probe-1")
    first, second = found("probe-1").steps
    assert first.state["n"] == 2
    assert (second.state["n"], second.state["by"], second.state["echoes"]) == (9, "me", 0)


def test_personal_values_are_masked() -> None:
    publish(Told(user_id=1, email="ada@example.org"), stream="told-1")
    (step,) = found("told-1").steps
    assert "ada" not in str(step.values)


@dataclass(frozen=True)
class Person:
    email: str = ""
    notes: tuple[str, ...] = ()
    known: bool = False


def known(state: Person, event: Event) -> Person:
    assert isinstance(event, Told)
    return Person(event.email, (*state.notes, *event.notes), bool(event.email))


def test_a_rule_is_handed_no_personal_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(history._folds, "told-", history.Fold(Person(), known))
    publish(Told(user_id=1, email="ada@example.org", notes=["a friend"]), stream="told-1")
    publish(Told(user_id=1), stream="told-1")
    first, second = found("told-1").steps
    assert first.state == {"email": "••••", "notes": [], "known": True}
    assert second.state == {"email": "", "notes": [], "known": False}


def test_an_event_that_this_code_can_not_read_is_kept_and_says_why(sums: None) -> None:
    publish(Probed(n=2), stream="sum-1")
    append_unchecked("sum-1", "Unheard", 1, {"n": 7})
    publish(Probed(n=3), stream="sum-1")
    told = found("sum-1")
    assert "'Unheard' is not declared" in told.steps[1].problem
    assert told.steps[2].state["total"] == 5


def test_of_a_long_stream_a_window_is_shown_and_all_is_folded(
    sums: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    publish(*[Probed(n=1) for _ in range(1_100)], stream="sum-1")
    with django_assert_num_queries(3):  # the head, and two chunks of a thousand
        told = found("sum-1")
    assert len(told.steps) == history.WINDOW
    assert told.steps[-1].state["total"] == 1_100
    middle = found("sum-1", 500)
    step = middle.step(500)
    assert step is not None
    assert step.state["total"] == 500
    assert found("sum-1", 5_000).at == 1_100


def test_two_moments_are_compared_by_value() -> None:
    differences = history.difference({"a": 1, "b": [1], "gone": "x"}, {"a": 2, "b": [1], "new": 0})
    assert differences == [("a", "1", "2"), ("gone", '"x"', ""), ("new", "", "0")]


def test_there_is_no_history_of_nothing() -> None:
    assert history.history_of("nobody-1") is None
