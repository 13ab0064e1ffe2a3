"""Invariant 1: events are never updated or deleted; the database itself refuses."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from flowdeck import publish, read_stream
from flowdeck.models import Event
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)

STATEMENTS = {
    "update": "UPDATE flowdeck_event SET type = 'Forged' WHERE stream = 'probe-1'",
    "update nothing new": "UPDATE flowdeck_event SET type = type WHERE stream = 'probe-1'",
    "delete": "DELETE FROM flowdeck_event WHERE stream = 'probe-1'",
    "delete all": "DELETE FROM flowdeck_event",
}


if connection.vendor == "postgresql":
    STATEMENTS["truncate"] = "TRUNCATE flowdeck_event CASCADE"


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_the_database_refuses_to_change_the_log(statement: str) -> None:
    publish(Probed(n=1), stream="probe-1")
    with (
        pytest.raises(DatabaseError, match="immutable"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert [event.type for event in read_stream("probe-1")] == ["Probed"]


def test_only_a_flush_of_the_tests_empties_it() -> None:
    publish(Probed(n=1), stream="probe-1")
    call_command("flush", interactive=False)  # makes permissions anew, as others find them
    assert not Event.objects.exists()
    publish(Probed(n=1), stream="probe-1")
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        Event.objects.all().delete()


def test_the_orm_can_not_change_the_log_either() -> None:
    publish(Probed(n=1), stream="probe-1")
    event = Event.objects.get()
    event.type = "Forged"
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        event.save()
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        Event.objects.all().delete()
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        event.delete()
    assert Event.objects.get().type == "Probed"


def test_payloads_are_frozen() -> None:
    event = Probed(n=1)
    with pytest.raises(ValueError, match="frozen"):
        event.n = 2  # type: ignore[misc]
