"""For each question a project that violates it, and is caught; none of them is the shop."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from flowdeck import Draft, Event, clock, publish
from flowdeck.checklist import QUESTIONS, answer
from flowdeck.checklist.finding import Finding
from flowdeck.declare.registry import Subscription, registry, slot_of
from flowdeck.models import Delivery, Due
from flowdeck.models import Event as Row
from flowdeck.sql import EventRow, dialect
from flowdeck.testing import settle
from tests.deliveries import change
from tests.flowdeck.checklist import project
from tests.probe.models import Tally

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    with project.alone():
        yield


def ask(number: int) -> Finding:
    return answer(QUESTIONS[number - 1], redeliver=True).finding


def lend(lent: type[Event], *books: str, reader: str = "jane") -> None:
    publish(*[Draft(lent(book=book, reader=reader), stream=f"book-{book}") for book in books])  # type: ignore[call-arg]
    settle()


def insert(type_name: str, version: int = 1, *, to: str = "", data: str) -> None:
    """Write past ``publish``, as a script with its own INSERT would."""
    then = datetime.now(UTC)
    row = EventRow(
        uuid7(),
        "book-emma",
        1,
        type_name,
        version,
        data,
        "{}",
        "book-emma",
        slot_of("book-emma"),
        uuid7(),
        None,
        "script",
        then,
    )
    with transaction.atomic(), connection.cursor() as cursor:
        dialect().append(cursor, [row], [Subscription(type_name, to, "")] if to else [])


LOAN = '{"book": "emma", "reader": "jane"}'


def test_1_events_that_can_be_changed() -> None:
    project.mutable()
    found = ask(1)
    assert found.verdict == "fail"
    assert "LendBook" in found.evidence


def test_2_events_written_past_the_broker() -> None:
    lend(project.well(), "emma")
    assert ask(2).verdict != "fail"
    insert("BookLent", data=LOAN)
    Due.objects.filter(event__producer="script").delete()  # its INSERT gave nobody any
    found = ask(2)
    assert found.verdict == "fail"
    assert "2 stored events without one" in found.evidence  # of shelf, and of desk


def test_3_a_processor_that_counts_twice() -> None:
    lend(project.counting(), "emma")
    found = ask(3)
    assert found.verdict == "fail"
    assert "loans wrote probe_tally again" in found.evidence
    assert Tally.objects.get().count == 1  # the experiment itself has left nothing behind


def test_4_a_read_model_that_the_log_does_not_give() -> None:
    lend(project.by_chance(), "emma", "persuasion")
    found = ask(4)
    assert found.verdict == "fail"
    assert "ranking" in found.evidence


def test_5_a_version_raised_without_an_upcaster() -> None:
    project.book_lent()
    insert("BookLent", data=LOAN)
    registry.event_types.clear()
    project.book_lent(version=2)
    found = ask(5)
    assert found.verdict == "fail"
    assert "BookLent version 1" in found.evidence


def test_6_a_retry_policy_without_end() -> None:
    lend(project.endless(), "emma")
    found = ask(6)
    assert found.verdict == "warn"
    assert "stubborn" in found.evidence


def test_7_a_stream_with_two_keys() -> None:
    lent, returned = project.mixed_keys()
    lend(lent, "emma")
    assert ask(7).verdict == "pass"
    publish(returned(book="emma", reader="jane"), stream="book-emma")  # type: ignore[call-arg]
    settle()
    found = ask(7)
    assert found.verdict == "warn"
    assert "desk on book-emma" in found.evidence


def test_8_a_handler_that_leaves_its_trace() -> None:
    lend(project.torn(), "emma")
    found = ask(8)
    assert found.verdict == "fail"
    assert "ReminderSent" in found.evidence
    assert found.traces == (str(Row.objects.get(type="ReminderSent").correlation_id),)


def test_9_a_read_model_that_nobody_writes() -> None:
    project.slow()
    insert("BookLent", to="shelf", data=LOAN)
    with pytest.MonkeyPatch.context() as later:
        later.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(seconds=300))
        found = ask(9)
    assert found.verdict == "fail"
    assert "shelf" in found.evidence


def test_10_a_processor_that_never_met_its_events() -> None:
    project.well()
    found = ask(10)
    assert found.verdict == "untried"
    assert "0 of 2 pairs" in found.evidence
    insert("BookLent", data=LOAN)
    found = ask(10)
    assert found.verdict == "warn"
    assert "In the log, but not handled: desk on BookLent, shelf on BookLent." in found.evidence


def test_a_library_without_a_mistake_fails_nothing_and_is_told_what_was_not_checked() -> None:
    lend(project.well(), "emma", "persuasion")
    change(Delivery.objects.all(), finished_at=datetime.now(UTC))
    found = {question.number: ask(question.number) for question in QUESTIONS}
    assert not [number for number, one in found.items() if one.verdict == "fail"]
    assert {number for number, one in found.items() if one.unchecked} >= {3, 5, 10}
    told = " ".join(f"{one.evidence} {one.advice}" for one in found.values())
    assert "shelf" in told
    assert not [name for name in ("payment", "OrderCreated", "probe.") if name in told]
