"""Faults of the database are nobody's fault: they use up no attempt and make no dead letter."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client

from flowdeck import Draft, publish
from flowdeck.declare.registry import registry
from flowdeck.engine import batch, drain, sweep
from flowdeck.models import Attempt, Delivery, ProcessorState, Stream
from flowdeck.people import tokens
from tests.accounts import person
from tests.guarantees import leases
from tests.polling import eventually
from tests.probe import processors
from tests.probe.events import Probed
from tests.probe.models import Effect, Tally

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ["probe.atomic", "probe.leased", "probe.batch"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """A processor with one due delivery that must have been done by one attempt in the end."""
    publish(Probed(n=1), stream="probe-1")
    yield request.param
    delivery = Delivery.objects.get(processor=request.param)
    assert (delivery.state, delivery.attempts) == ("done", 1)
    assert not Attempt.objects.exists()


def once(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Let the next handler run the statement ``fault`` first."""
    real, left = processors.behave, [fault]

    def behave(event: Probed, delivery: object) -> None:
        if left:
            with connection.cursor() as cursor:
                cursor.execute(left.pop())
        real(event, delivery)  # type: ignore[arg-type]

    monkeypatch.setattr(processors, "behave", behave)


@pytest.mark.postgres
@pytest.mark.parametrize("code", ["40001", "40P01"], ids=["serialization failure", "deadlock"])
def test_a_transaction_that_postgresql_gives_up_is_run_again_at_once(
    kind: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(monkeypatch, f"DO $$ BEGIN RAISE EXCEPTION 'unlucky' USING ERRCODE = '{code}'; END $$")
    assert drain.drain(registry.processor(kind)) == 1


@pytest.mark.postgres
def test_a_lost_connection_is_opened_again(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    once(monkeypatch, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert drain.drain(registry.processor(kind)) == 0
    leases.run_out()
    assert drain.drain(registry.processor(kind)) == 1


def look_for_deadlocks_after(wait: str) -> None:
    """PostgreSQL looks once, so long after a wait began; whoever finds it is the one to give up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('deadlock_timeout', %s, true)", [wait])


def somebody_waits_for_a_row() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.postgres
def test_a_real_deadlock_costs_nothing_but_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler has row a and wants b; another transaction has b and wants a."""
    for name in "ab":
        Tally.objects.create(stream=name)
    publish(Probed(n=1), stream="probe-1")
    handler_has_a, other_has_b = threading.Event(), threading.Event()
    tries: list[int] = []

    def other() -> None:
        try:
            with transaction.atomic():
                look_for_deadlocks_after("20s")
                Tally.objects.filter(stream="b").update(count=1)
                other_has_b.set()
                handler_has_a.wait(10)
                Tally.objects.filter(stream="a").update(count=1)
        finally:
            connection.close()

    def behave(event: Probed, delivery: object) -> None:
        tries.append(1)
        look_for_deadlocks_after("20ms")
        Tally.objects.filter(stream="a").update(count=2)
        handler_has_a.set()
        if len(tries) == 1:
            eventually(somebody_waits_for_a_row)
        Tally.objects.filter(stream="b").update(count=2)

    monkeypatch.setattr(processors, "behave", behave)
    thread = threading.Thread(target=other)
    thread.start()
    other_has_b.wait(10)
    assert drain.drain(registry.processor("probe.atomic")) == 1
    thread.join(20)
    assert len(tries) == 2
    assert Delivery.objects.get(processor="probe.atomic").attempts == 1
    assert not Attempt.objects.exists()
    assert Effect.objects.filter(processor="probe.atomic").count() == 1


def test_appends_that_touch_the_same_streams_can_not_deadlock() -> None:
    """Whatever order they name them in, heads are taken in order of name."""

    def append() -> None:
        try:
            publish(Draft(Probed(), stream="b"), Draft(Probed(), stream="a"))
        finally:
            connection.close()

    other = threading.Thread(target=append)
    with transaction.atomic():
        publish(Probed(), stream="a")
        other.start()
        other.join(0.3)
        assert other.is_alive()  # it waits for a, and has not taken b before
        publish(Probed(), stream="b")
    other.join(20)
    assert dict(Stream.objects.values_list("name", "head")) == {"a": 2, "b": 2}


@pytest.mark.parametrize(
    "fault", [OperationalError("the database is gone"), RuntimeError("a mistake of ours")]
)
def test_the_sweep_outlives_every_fault(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty() -> list[str]:
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(sweep, "due_processors", faulty)
        sweep.Sweeper().tick()
    publish(Probed(n=1), stream="probe-1")
    assert "probe.atomic" in sweep.due_processors()


def test_a_batch_that_can_not_be_finished_is_left_to_the_next_bell(
    kind: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "LEASE_SECONDS": 0.2}  # so long it is tried again

    def gone(processor: object, outcomes: object) -> None:
        raise OperationalError("the connection is closed")

    with monkeypatch.context() as patch:
        patch.setattr(batch, "finish", gone)
        patch.setattr(batch.infrastructure, "is_fault", lambda error: True)
        assert drain.drain(registry.processor(kind)) == 0
    leases.run_out()
    assert drain.drain(registry.processor(kind)) == 1


@pytest.mark.sqlite
def test_a_locked_database_is_no_error_of_the_server(client: Client) -> None:
    operator = person("operator", "olga")
    client.force_login(operator)
    token = tokens.issue(operator)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 50")
    with sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        page = client.post("/processors/probe.atomic/pause/", {"reason": "to look at it"})
        call = client.post(
            "/api/v1/dead-letters/retries",
            {"letters": [1], "reason": "mended"},
            "application/json",
            headers={"Authorization": f"Bearer {token}"},
        )
        writer.execute("ROLLBACK")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert (call.status_code, call.headers["Retry-After"]) == (503, "5")
    assert "Nothing was changed" in page.content.decode()
    assert "Nothing was changed" in call.json()["detail"]
    assert not ProcessorState.objects.filter(paused_at__isnull=False).exists()


@pytest.mark.postgres
@pytest.mark.parametrize("path", ["/events/", "/none/", "/shop/", "/account/", "/api/v1/events"])
def test_a_database_that_is_away_is_said_on_every_page(
    path: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the view, in the shell of an error page, and in the middleware before it."""
    client.raise_request_exception = False
    client.force_login(person(name="olga"))
    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict["OPTIONS"], "host", "/nowhere")
        away.setitem(connection.settings_dict, "HOST", "")
        answer = client.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert client.get("/account/").status_code == 200
