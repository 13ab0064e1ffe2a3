"""What is published under an id is one event, however often it is published."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from flowdeck import Delivery, Draft, publish
from flowdeck.errors import IdConflict, PublishError
from flowdeck.models import Event
from flowdeck.testing import settle
from tests.probe import processors
from tests.probe.events import Probed, Told

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_second_gets_what_came_of_the_first() -> None:
    first = publish(Probed(n=1), Probed(n=2), stream="s", id="abc")
    again = publish(Probed(n=1), Probed(n=2), stream="s", id="abc", expected_sequence=0)
    assert not first.duplicate
    assert again.duplicate
    assert (again.positions, again.correlation_id) == (first.positions, first.correlation_id)
    assert Event.objects.count() == 2
    publish(Probed(n=1), Probed(n=2), stream="s", id="abc", producer="other")
    assert Event.objects.count() == 4


def test_a_uuid_is_the_id_of_its_event_and_personal_data_may_be_sealed_anew() -> None:
    name = uuid4()
    publish(Told(user_id=1, email="ada@example.org"), stream="p", id=name)
    assert publish(Told(user_id=1, email="ada@example.org"), stream="p", id=name).duplicate
    assert Event.objects.get().id == name


@pytest.mark.parametrize(
    ("events", "stream"),
    [
        ([Probed(n=2)], "s"),
        ([Probed(n=1)], "elsewhere"),
        ([Told(user_id=1)], "s"),
        ([Probed(n=1), Probed(n=2)], "s"),
    ],
)
def test_something_else_under_the_same_id_is_refused(events: list[Any], stream: str) -> None:
    name = "abc"
    publish(Probed(n=1), stream="s", id=name)
    with pytest.raises(IdConflict):
        publish(*events, stream=stream, id=name)
    assert Event.objects.count() == 1


def test_what_comes_later_has_a_name_instead() -> None:
    with pytest.raises(PublishError, match="timer="):
        publish(Probed(n=1), stream="s", id="abc", in_=5)


def test_many_at_the_same_moment_make_one() -> None:
    start, receipts = threading.Barrier(6), []

    def racer() -> None:
        try:
            start.wait(60)
            receipts.append(publish(Probed(n=1), stream="race", id="abc"))
        finally:
            connection.close()

    racers = [threading.Thread(target=racer) for _ in range(6)]
    for one in racers:
        one.start()
    for one in racers:
        one.join(60)
    assert Event.objects.count() == 1
    assert len({receipt.positions for receipt in receipts}) == 1
    assert sorted(receipt.duplicate for receipt in receipts) == [False] + [True] * 5


def test_a_handler_that_is_called_again_publishes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two events wants the same third one."""

    def behave(event: Probed, delivery: Delivery) -> None:
        if delivery.processor == "probe.atomic" and event.n < 5:
            publish(Draft(Probed(n=9), stream="report"), id="report-of-today")

    monkeypatch.setattr(processors, "behave", behave)
    publish(Probed(n=1), stream="a")
    publish(Probed(n=2), stream="b")
    settle()
    assert Event.objects.filter(stream="report").count() == 1
