"""The test kit: what a test of somebody's flow can say, and what it is told when that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import TestCase

from flowdeck import Delivery, Draft, Event, Reject, Retry, Snooze, publish, schedule
from flowdeck.declare.registry import registry
from flowdeck.declare.schedule import schedules
from flowdeck.declare.subscribing import declare
from flowdeck.errors import FlowdeckError
from flowdeck.testing import Flow, FlowMixin
from tests.probe.events import Echoed, Keyed, Probed
from tests.probe.models import Effect
from tests.probe.processors import ProbeError

pytest_plugins = ["flowdeck.testing.plugin"]
Declare = Callable[..., None]


@pytest.fixture
def declares() -> Iterator[Declare]:
    """Declares processors that are gone after the test."""
    names: list[str] = []

    def add(name: str, handler: Callable[..., Any], **options: Any) -> None:
        names.append(name)
        registry.add_processor(declare(name, handler, **options))

    yield add
    for name in names:
        registry.remove_processor(name)


def test_given_when_then(flow: Flow) -> None:
    flow.given(Probed(n=1, echoes=2, by="probe.atomic")).run("probe.atomic")
    flow.expect(Echoed(n=0, by="probe.atomic"), Echoed).nothing_dead()
    flow.expect_only(Echoed(n=0, by="probe.atomic"), Echoed(n=1, by="probe.atomic"))
    assert Effect.objects.get().processor == "probe.atomic"  # nobody else ran
    flow.run().expect(*[Echoed(n=0, by=name) for name in ("probe.batch", "probe.leased")])


def test_what_followed_instead_is_told_as_a_diff(flow: Flow) -> None:
    flow.given(Probed(n=1, echoes=1)).run("probe.atomic")
    with pytest.raises(AssertionError) as wrong:
        flow.expect(Echoed(n=7, by="probe.atomic"))
    assert "-Echoed(n=7, by='probe.atomic')" in str(wrong.value)
    assert "+Echoed(n=0, by='probe.atomic')" in str(wrong.value)
    with pytest.raises(AssertionError, match=r"-Echoed\(n=0"):
        Flow().given(Probed(echoes=2)).run("probe.atomic").expect(
            Echoed(n=1, by="probe.atomic"), Echoed(n=0, by="probe.atomic")
        )


def test_what_a_handler_raises_surfaces_where_it_ran(flow: Flow) -> None:
    with pytest.raises(ProbeError, match="attempt 1 of 4"):
        flow.given(Probed(n=4, fails=1, by="probe.atomic")).run("probe.atomic")


def test_a_tolerant_run_does_as_production_does(flow: Flow) -> None:
    flow.given(Probed(n=4, fails=2, by="probe.atomic")).run("probe.atomic", tolerant=True)
    flow.nothing_dead()
    flow.given(Probed(n=5, fails=9, by="probe.atomic")).run("probe.atomic", tolerant=True)
    flow.dead("probe.atomic", "ProbeError: attempt 3 of 5")
    with pytest.raises(AssertionError, match=r"dead letters:\n  probe.atomic: Probed \(ProbeError"):
        flow.nothing_dead()
    with pytest.raises(AssertionError, match=r"No dead letter of .probe\.batch."):
        flow.dead("probe.batch")


def test_a_reject_is_an_outcome_and_no_fault_of_the_test(flow: Flow) -> None:
    flow.given(Probed(rejects="probe.atomic")).run("probe.atomic")
    flow.dead("probe.atomic", "Reject: the event says so")


def test_time_passes_for_what_waits(flow: Flow, declares: Declare) -> None:
    ready: list[int] = []

    def patient(event: Keyed, delivery: Delivery) -> Event | None:
        if event.n not in ready:
            raise Snooze(24 * 3600)
        return Echoed(n=event.n, by="patient")

    declares("patient", patient)
    flow.given(Keyed(owner="a", n=1)).run("patient").expect_only()
    ready.append(1)
    flow.passes(hours=23).expect_only()
    flow.passes(hours=1).expect_only(Echoed(n=1, by="patient"))


def test_time_passes_for_timers_and_schedules(
    flow: Flow, declares: Declare, request: pytest.FixtureRequest
) -> None:
    def reminds(event: Keyed, delivery: Delivery) -> None:
        delivery.emit(Echoed(n=event.n, by="reminds"), in_=48 * 3600)

    @schedule("0 2 * * *", name="nightly")
    def nightly(nominal: datetime) -> Probed:
        return Probed(n=2)

    request.addfinalizer(lambda: schedules.pop("nightly"))
    declares("reminds", reminds)
    flow.given(Keyed(owner="a", n=1)).run("reminds").expect_only()
    flow.passes(days=1).expect_only(Probed(n=2))
    flow.passes(days=1).expect(Echoed(n=1, by="reminds"))


def test_the_tree_of_causes_is_compared(flow: Flow) -> None:
    given = Probed(echoes=1, fails=9, by="probe.batch")
    flow.given(given).run("probe.atomic", "probe.batch", tolerant=True)
    flow.assert_trace("""
        Probed
          Echoed by probe.atomic
          ! probe.batch: dead
    """)
    with pytest.raises(AssertionError) as wrong:
        flow.assert_trace("Probed")
    assert "+  Echoed by probe.atomic" in str(wrong.value)


def test_what_a_view_publishes_is_told(flow: Flow) -> None:
    publish(Probed(n=1), stream="before")
    with flow.publishes(Probed(n=2), Keyed):
        publish(Probed(n=2), Keyed(owner="a"), stream="now")
    with pytest.raises(AssertionError, match=r"\+Probed"), flow.publishes():
        publish(Probed(n=3), stream="now")


# Faults ---------------------------------------------------------------------------------------
def charge_without_key(calls: list[int]) -> Callable[..., Event]:
    def charge(event: Keyed) -> Event:
        calls.append(event.n)
        return Echoed(n=event.n, by="charge")

    return charge


def charge_with_key(calls: list[int]) -> Callable[..., Event]:
    seen: set[str] = set()

    def charge(event: Keyed, delivery: Delivery) -> Event:
        if delivery.idempotency_key not in seen:
            seen.add(delivery.idempotency_key)
            calls.append(event.n)
        return Echoed(n=event.n, by="charge")

    return charge


@pytest.mark.parametrize("fault", ["crashes", "twice"])
def test_a_call_that_is_made_again_is_found_unless_its_key_is_used(
    flow: Flow, declares: Declare, fault: Any
) -> None:
    calls: list[int] = []
    declares("charge", charge_without_key(calls), atomic=False)
    flow.given(Keyed(owner="a", n=1)).run("charge")
    with pytest.raises(AssertionError) as wrong:
        flow.survives(fault, watching=[calls])
    assert "+ call 1" in str(wrong.value)
    registry.remove_processor("charge")
    declares("charge", charge_with_key(calls), atomic=False)
    survived = Flow().given(Keyed(owner="b", n=2)).run("charge")
    if fault == "crashes":
        survived.survives("crashes", watching=[calls])
        survived.expect_only(Echoed(n=2, by="charge"))  # the test goes on as without the fault


def test_rows_that_are_written_apart_are_found(flow: Flow, declares: Declare) -> None:
    def apart(event: Keyed, delivery: Delivery) -> None:
        envelope = delivery.envelope
        row = {"stream": envelope.stream, "sequence": envelope.sequence, "position": 0}
        Effect.objects.create(processor="first", attempt=1, **row)
        Effect.objects.create(processor="second", attempt=1, **row)

    apart.__module__ = "tests.probe.processors"
    declares("apart", apart, atomic=False)
    flow.given(Keyed(owner="a", n=1)).run("apart")
    with pytest.raises(AssertionError, match="A worker that ends") as wrong:
        flow.survives("crashes")
    assert "+ row probe.Effect: {'processor': 'first'" in str(wrong.value)
    registry.remove_processor("apart")
    declares("apart", apart)  # in the engine's transaction
    Flow().given(Keyed(owner="b", n=1)).run("apart").survives("crashes")


def test_a_handler_that_minds_the_order_of_streams_is_found(flow: Flow, declares: Declare) -> None:
    met: list[str] = []

    def first_wins(event: Keyed) -> Event | None:
        met.append(event.owner)
        return Echoed(n=event.n, by="first") if len(met) % 2 else None

    declares("first", first_wins)
    flow.given(Keyed(owner="a", n=1), stream="one").given(Keyed(owner="b", n=2), stream="two")
    with pytest.raises(AssertionError, match="Another order of streams"):
        flow.run("first").survives("out_of_order")
    Flow().given(Draft(Probed(n=1, echoes=1), stream="one"), Draft(Probed(n=2), stream="two")).run(
        "probe.atomic"
    ).survives("out_of_order", ignoring=["position"])


@pytest.mark.django_db(transaction=True)
def test_faults_need_a_transaction_to_begin_anew_in() -> None:
    assert not connection.in_atomic_block
    with pytest.raises(FlowdeckError, match=r"without transaction=True"):
        Flow().given(Probed(n=1)).run("probe.atomic").survives("crashes")


class WithUnittest(FlowMixin, TestCase):
    """The same in a TestCase of Django's."""

    def test_given_when_then(self) -> None:
        self.flow.given(Probed(n=1, echoes=1)).run("probe.atomic").expect(Echoed)


def test_an_attempt_is_repeated_as_often_as_its_policy_says(flow: Flow, declares: Declare) -> None:
    def never(event: Keyed) -> None:
        raise Reject("no") if event.n else ValueError("never")

    declares("never", never, retry=Retry(max_attempts=4, base=60))
    flow.given(Keyed(owner="a")).run("never", tolerant=True).dead("never", "ValueError: never")
