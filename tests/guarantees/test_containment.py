"""Handlers share a connection: what one does to it costs its own delivery only, and is told."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from flowdeck import Delivery as Delivered
from flowdeck import publish, telemetry
from flowdeck.declare.registry import registry
from flowdeck.engine import drain
from flowdeck.models import Attempt, Delivery, Event
from flowdeck.testing import settle
from tests.guarantees.test_blame import KINDS, Does
from tests.probe import processors
from tests.probe.events import Probed
from tests.probe.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)

SHARED = ["probe.atomic", "probe.batch"]


@pytest.fixture
def batch_of_three() -> None:
    """Three deliveries for every processor, of three streams; the second is the odd one."""
    for n in range(3):
        publish(Probed(n=n, echoes=1), stream=f"probe-{n}")


def let_the_second(monkeypatch: pytest.MonkeyPatch, kind: str, does: Does) -> None:
    def behave(event: Probed, delivery: Delivered) -> None:
        if delivery.processor == kind and event.n == 1:
            does()

    monkeypatch.setattr(processors, "behave", behave)


def states(kind: str) -> list[str]:
    found = Delivery.objects.filter(processor=kind).order_by("event_id")
    return list(found.values_list("state", flat=True))


@pytest.mark.usefixtures("batch_of_three")
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_that_can_not_say_what_it_is_is_an_error(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("not even this")

    def fail() -> None:
        raise Mute

    let_the_second(monkeypatch, kind, fail)
    settle()
    assert states(kind) == ["done", "dead", "done"]
    letter = Delivery.objects.get(processor=kind, state="dead").failures.latest("number")
    assert letter.error.endswith("Mute")
    assert letter.message == "(its __str__ raised RuntimeError)"


@pytest.mark.usefixtures("batch_of_three")
@pytest.mark.parametrize("kind", SHARED)
def test_what_fails_after_the_commit_fails_alone(
    kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []
    settled: list[int] = []

    def listen(told: telemetry.Settled) -> None:
        settled.append(len(told.deliveries))

    def ask_for_more() -> None:
        transaction.on_commit(lambda: done.append("before"))
        transaction.on_commit(lambda: exit("the cache is away"))
        transaction.on_commit(lambda: done.append("after"))

    let_the_second(monkeypatch, kind, ask_for_more)
    telemetry.subscribe(telemetry.Settled, listen)
    try:
        assert drain.drain(registry.processor(kind)) == 3
    finally:
        telemetry.unsubscribe(telemetry.Settled, listen)
    assert settled == [3]
    assert done == ["before", "after"]
    assert states(kind) == ["done"] * 3
    assert f"{kind}: what was to be done after the commit of event" in caplog.text
    assert "the cache is away" in caplog.text


def query(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return str(cursor.fetchone()[0])


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


LEFT_BEHIND = {
    "session": ("SET statement_timeout = '1ms'", "SHOW statement_timeout"),
    "transaction": ("SET LOCAL statement_timeout = '1ms'", "SHOW statement_timeout"),
    "names": ("SET search_path = pg_catalog", "SHOW search_path"),
    "function": ("SELECT set_config('lock_timeout', '1', false)", "SHOW lock_timeout"),
}


@pytest.mark.postgres
@pytest.mark.usefixtures("batch_of_three")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("setting", LEFT_BEHIND)
def test_settings_that_a_handler_leaves_behind_reach_nobody(
    kind: str, setting: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    change, show = LEFT_BEHIND[setting]
    pooled = connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]
    if pooled and kind == "probe.leased" and setting != "transaction":
        pytest.skip("outside of transactions a pooler hands on what was set (docs/deployment.md)")
    before, seen = query(show), []

    def behave(event: Probed, delivery: Delivered) -> None:
        if delivery.processor == kind:
            if event.n == 1:
                run(change)
            else:
                seen.append(query(show))

    monkeypatch.setattr(processors, "behave", behave)
    drain.drain(registry.processor(kind))
    drain.drain(registry.processor(kind))
    assert states(kind) == ["done"] * 3
    assert not Attempt.objects.exists()
    if kind != "probe.batch":  # one call of its own
        assert seen == [before, before]
    assert query(show) == before
    assert (f"{kind} changed settings" in caplog.text) == (setting != "transaction")
    assert Event.objects.filter(type="Echoed", producer=kind).count() == 3


@pytest.mark.sqlite
@pytest.mark.usefixtures("batch_of_three")
@pytest.mark.parametrize("kind", KINDS)
def test_pragmas_that_a_handler_leaves_behind_reach_nobody(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_the_second(monkeypatch, kind, lambda: run("PRAGMA query_only = 1"))
    drain.drain(registry.processor(kind))
    drain.drain(registry.processor(kind))
    assert states(kind) == ["done"] * 3
    assert query("PRAGMA query_only") == "0"


@pytest.mark.usefixtures("batch_of_three")
@pytest.mark.parametrize("kind", SHARED)
def test_a_handler_that_closes_the_connection_is_told_not_to(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_the_second(monkeypatch, kind, lambda: connection.close())
    settle()
    assert states(kind) == ["done", "dead", "done"]
    letter = Delivery.objects.get(processor=kind, state="dead").failures.latest("number")
    assert letter.error == "HandlerContractError"
    assert "closes the database's connection" in letter.message
    assert Effect.objects.filter(processor=kind).count() == 2


@pytest.mark.usefixtures("batch_of_three")
def test_a_handler_outside_of_transactions_may_close_it(monkeypatch: pytest.MonkeyPatch) -> None:
    let_the_second(monkeypatch, "probe.leased", lambda: connection.close())
    settle()
    assert states("probe.leased") == ["done"] * 3
    assert not Attempt.objects.exists()


@pytest.mark.usefixtures("batch_of_three")
def test_a_handler_that_switches_autocommit_off_takes_nothing_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_the_second(monkeypatch, "probe.leased", lambda: transaction.set_autocommit(False))
    settle()
    connection.close()  # what is not committed is gone
    assert states("probe.leased") == ["done"] * 3
