"""A delivery is due or done: in one table or in the other, never in both and never in none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from flowdeck import publish
from flowdeck.declare.registry import registry, slot_of
from flowdeck.declare.states import DeliveryState
from flowdeck.engine import drain, sweep
from flowdeck.letters import dead_letters, redelivery
from flowdeck.models import Attempt, DeadLetter, Delivery, Done, Due, Event
from flowdeck.sql import dialect
from flowdeck.testing import settle
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ["probe.atomic", "probe.batch", "probe.leased"]


def assert_each_is_in_one_table() -> None:
    """Each event has one delivery for each processor that hears it, in one of the tables."""
    due = set(Due.objects.values_list("event_id", "processor"))
    done = set(Done.objects.values_list("event_id", "processor"))
    assert not due & done
    asked = {
        (event.position, processor.name)
        for event in Event.objects.all()
        for processor in registry.listeners(event.type, event.stream)
    }
    assert due | done == asked
    assert set(Delivery.objects.values_list("event_id", "processor")) == asked


def test_whatever_becomes_of_a_delivery_it_is_in_one_table() -> None:
    publish(Probed(n=1), Probed(n=2, rejects="probe.atomic"), Probed(n=3), stream="probe-1")
    publish(Probed(n=4, fails=1, by="probe.leased"), stream="probe-2")
    assert_each_is_in_one_table()
    settle()
    assert_each_is_in_one_table()
    letter = dead_letters.dead().get()
    dead_letters.retry([letter.letter or 0], by="olga")
    assert_each_is_in_one_table()
    settle()
    dead_letters.discard([letter.letter or 0], by="olga", reason="a test")
    settle()
    assert_each_is_in_one_table()
    choice = redelivery.Choice(type="Probed")
    assert redelivery.redeliver("probe.atomic", choice, by="olga", reason="a test").total == 4
    assert_each_is_in_one_table()
    assert Due.objects.filter(processor="probe.atomic", state="pending").count() == 4
    settle()
    assert_each_is_in_one_table()


def test_readers_see_what_is_due_and_what_is_done() -> None:
    publish(Probed(n=1, rejects="probe.atomic"), Probed(n=2), stream="probe-1")
    publish(Probed(n=3), stream="probe-2")
    settle()
    rows = Delivery.objects.filter(processor="probe.atomic").order_by("event_id")
    assert [row.state for row in rows] == ["dead", "pending", "done"]
    assert [row.attempts for row in rows] == [1, 0, 1]


def test_a_letter_keeps_its_number_whatever_becomes_of_it() -> None:
    publish(Probed(n=1, fails=4, by="probe.atomic"), stream="probe-1")
    settle()
    number = dead_letters.dead().get().letter
    assert number is not None
    dead_letters.retry([number], by="olga")
    settle()
    assert dead_letters.dead().get().letter == number  # it is dead again
    dead_letters.retry([number], by="olga")
    settle()
    assert DeadLetter.objects.get(pk=number).state == "done"
    redelivery.redeliver(
        "probe.atomic", redelivery.Choice(type="Probed"), by="olga", reason="a test"
    )
    again = DeadLetter.objects.get(pk=number)
    assert (again.state, again.retried, again.key) == ("pending", 2, "probe-1")
    publish(Probed(n=2, rejects="probe.atomic"), stream="probe-2")
    settle()
    assert dead_letters.dead().get().letter != number


def test_what_is_done_is_not_made_due_by_being_given_out_anew() -> None:
    position = publish(Probed(n=1), stream="probe-1").positions[0]
    settle()
    row = (position, "probe-1", slot_of("probe-1"))
    with connection.cursor() as cursor:
        dialect().insert_deliveries(cursor, "probe.atomic", [row], DeliveryState.PENDING)
        dialect().insert_deliveries(cursor, "probe.atomic", [row], DeliveryState.DONE)
    assert_each_is_in_one_table()
    publish(Probed(n=2), stream="probe-1")
    waiting = Due.objects.get(processor="probe.atomic")
    row = (waiting.event_id, waiting.key, waiting.slot)
    with connection.cursor() as cursor:
        dialect().insert_deliveries(cursor, "probe.atomic", [row], DeliveryState.DONE)
    assert_each_is_in_one_table()


def partitions() -> set[str]:
    """The tables that ``done`` consists of."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent = 'flowdeck_done'::regclass"
        )
        return {row[0] for row in cursor.fetchall()}


def drop(*names: str) -> None:
    """Take partitions away."""
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"DROP TABLE IF EXISTS {name}")


@contextmanager
def reading() -> Iterator[BaseDatabaseWrapper]:
    """Somebody who reads all of ``done`` for long, as a dump does."""
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM flowdeck_done")
        yield other
    finally:
        other.close()


@pytest.mark.postgres
@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_partition_is_made_and_uses_up_no_attempt(kind: str) -> None:
    publish(Probed(n=1), Probed(n=2), stream="probe-1")
    drop("flowdeck_done_0")
    assert drain.drain(registry.processor(kind)) == 2
    rows = Done.objects.filter(processor=kind)
    assert list(rows.values_list("attempts", flat=True)) == [1, 1]
    assert not Attempt.objects.exists()


@pytest.mark.postgres
def test_partitions_are_made_ahead_beside_somebody_who_reads_all() -> None:
    ahead = {f"flowdeck_done_{number}" for number in range(3)}
    drop("flowdeck_done_1", "flowdeck_done_2")
    with reading():
        sweep.make_room()
    assert partitions() >= ahead
    sweep.make_room()
    assert partitions() >= ahead
