"""Invariants 4 and 5 for handlers that run outside of transactions: their lanes are leased."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from flowdeck import publish
from flowdeck.declare.registry import registry
from flowdeck.engine import attempt, batch, drain, lanes
from flowdeck.engine import leases as keeping
from flowdeck.models import Delivery, Event
from tests.guarantees import leases
from tests.probe import processors
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)

LEASE = 2.0  # seconds; a keeper of a busy machine comes late


@pytest.fixture(autouse=True)
def _short_lease(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "LEASE_SECONDS": LEASE}
    monkeypatch.setattr(keeping, "_keeper", keeping._Keeper())  # the old one has the old pace


@pytest.fixture
def calling(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A worker in the middle of a call to the outside world; set the event to let it go on."""
    inside, answer = threading.Event(), threading.Event()
    started_by: list[threading.Thread] = []
    real = processors.behave

    def call(event: Probed, delivery: Any) -> None:
        if threading.current_thread() in started_by:
            inside.set()
            answer.wait(20)
        real(event, delivery)

    def work() -> None:
        try:
            drain.drain(registry.processor("probe.leased"))
        finally:
            connection.close()

    monkeypatch.setattr(processors, "behave", call)
    publish(Probed(n=1, echoes=1), stream="probe-1")
    thread = threading.Thread(target=work)
    started_by.append(thread)
    thread.start()
    assert inside.wait(10)
    yield answer
    answer.set()
    thread.join(20)
    assert not thread.is_alive()
    assert Event.objects.filter(type="Echoed", producer="probe.leased").count() == 1
    delivery = Delivery.objects.filter(processor="probe.leased").order_by("event_id")[0]
    assert (delivery.state, delivery.attempts) == ("done", 1)


def test_nobody_else_gets_a_leased_lane(calling: threading.Event) -> None:
    assert lanes.claim(registry.processor("probe.leased"), 16) is None
    publish(Probed(n=2), stream="probe-1")  # the same key: it has to wait
    assert drain.drain(registry.processor("probe.leased")) == 0
    calling.set()


def test_a_lease_is_renewed_as_long_as_the_handler_runs(calling: threading.Event) -> None:
    assert not calling.wait(LEASE * 2)  # time passes, more than a lease
    assert lanes.claim(registry.processor("probe.leased"), 16) is None
    calling.set()


def test_a_worker_that_lost_its_lease_to_another_can_not_commit(calling: threading.Event) -> None:
    """Frozen past its lease, then let go on: only the other one's results count."""
    leases.run_out()  # it could not renew
    assert drain.drain(registry.processor("probe.leased")) == 1
    calling.set()


def test_a_lease_that_ran_out_frees_its_lane() -> None:
    """The worker is gone, and nobody cleans up after it."""
    publish(Probed(n=1), stream="probe-1")
    processor = registry.processor("probe.leased")
    assert lanes.claim(processor, 16) is not None
    assert drain.drain(processor) == 0
    threading.Event().wait(LEASE + 0.1)
    assert drain.drain(processor) == 1


def test_results_are_not_kept_without_the_lease_though_nobody_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody may have had it meanwhile and be done: only the token tells."""
    publish(Probed(n=1, echoes=1), stream="probe-1")
    real = attempt.attempt

    def lost_meanwhile(processor: Any, due: Any) -> Any:
        outcome = real(processor, due)
        leases.run_out()
        return outcome

    monkeypatch.setattr(batch, "attempt", lost_meanwhile)
    assert drain.drain(registry.processor("probe.leased")) == 0
    assert Delivery.objects.get(processor="probe.leased").state == "pending"
    assert not Event.objects.filter(type="Echoed").exists()
