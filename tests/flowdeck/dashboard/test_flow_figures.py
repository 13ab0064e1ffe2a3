"""The figures of the flow map: rates of a window, run times, retries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client

from flowdeck import clock, publish
from flowdeck.dashboard.flow.facts import Facts
from flowdeck.dashboard.flow.histogram import histogram
from flowdeck.dashboard.flow.retries import steps_of
from flowdeck.dashboard.shared.run_times import percentile, run_times
from flowdeck.declare.registry import registry, slot_of
from flowdeck.declare.retry import Retry
from flowdeck.live.views import find
from flowdeck.models import Delivery, Due, Event
from flowdeck.testing import settle
from tests.deliveries import change
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db
settling = pytest.mark.django_db(transaction=True)
HEARD = ("type:Probed", "processor:probe.atomic")
WROTE = ("processor:probe.atomic", "type:Echoed")


@settling
def test_what_happens_gives_rates_and_clears_the_mark() -> None:
    publish(*[Probed(n=n, echoes=1) for n in range(6)], stream="probe-1", producer="tests")
    settle()
    facts = Facts.load()
    assert facts.edges["producer:tests", "type:Probed"].per_second == pytest.approx(0.1)
    assert facts.edges[HEARD].per_second == pytest.approx(0.1)
    assert facts.edges[HEARD].mark == ""
    assert facts.edges[WROTE].mark == "", "whoever says nothing surprises nobody"


def test_under_load_both_sides_of_a_type_are_of_one_stretch(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer events are reached through deliveries: what goes in comes out all the same."""

    monkeypatch.setattr("flowdeck.dashboard.shared.observed.DELIVERIES", 60)
    for n in range(40):
        event = Event.objects.create(
            id=uuid4(),
            stream="probe-1",
            sequence=n + 1,
            type="Probed",
            version=1,
            data={"n": n},
            metadata={},
            key="probe-1",
            correlation_id=uuid4(),
            producer="tests",
            occurred_at=clock.now() - timedelta(seconds=40 - n),
            recorded_at=clock.now() - timedelta(seconds=40 - n),
        )
        Due.objects.bulk_create(
            Due(event=event, processor=one.name, key="probe-1", slot=slot_of("probe-1"))
            for one in registry.subscribers("Probed")
        )
    facts = Facts.load()
    assert facts.reach < 30
    written = facts.edges["producer:tests", "type:Probed"].per_second
    assert written == pytest.approx(facts.edges[HEARD].per_second, rel=0.25)
    assert "reach back no further" in viewer.get("/flow/").content.decode()


@settling
def test_run_times_and_failures_of_a_sample() -> None:
    publish(Probed(n=1, fails=1, by="probe.atomic"), Probed(n=2), stream="probe-1")
    settle()
    now = datetime.now(UTC)
    change(
        Delivery.objects.filter(processor="probe.leased"),
        started_at=now,
        finished_at=now + timedelta(seconds=0.25),
    )
    times = run_times()
    assert times["probe.leased"].p99 == pytest.approx(0.25)
    assert times["probe.leased"].failed == 0
    assert (times["probe.atomic"].attempts, times["probe.atomic"].failures) == (3, 1)
    assert "probe.renamed" not in times
    assert percentile([1.0, 2.0, 3.0, 4.0], 50) == 2.0
    assert percentile([], 99) is None


def test_rates_and_percentiles_are_of_the_window_chosen(viewer: Client) -> None:
    publish(*[Probed(n=n) for n in range(6)], stream="probe-1", producer="tests")
    edge = ("producer:tests", "type:Probed")
    rates = {window: Facts.load(window).edges[edge].per_second for window in (10, 60, 3_600)}
    assert rates[10] == pytest.approx(0.6)
    assert rates[60] == pytest.approx(0.1)
    assert rates[3_600] == pytest.approx(6 / 3_600)
    long_ago = datetime.now(UTC) - timedelta(seconds=30)
    change(
        Delivery.objects.filter(processor="probe.atomic"),
        state="done",
        attempts=1,
        started_at=long_ago,
        finished_at=long_ago,
    )
    assert "probe.atomic" not in run_times(10)
    assert run_times(60)["probe.atomic"].per_second == pytest.approx(0.1)
    page = viewer.get("/flow/?window=10&node=type:Probed").content.decode()
    assert "of the last 10 s." in page
    assert 'data-live-view="flow:?window=10"' in page
    assert 'data-live-view="flow-node:10:type:Probed"' in page
    found = find("flow-node:10:type:Probed")
    assert found is not None
    assert "0.6/s" in found.view(None, found.argument).regions()[0].html
    assert "of the last 1 min." in viewer.get("/flow/?window=nonsense").content.decode()


def test_a_window_longer_than_what_was_looked_at_says_so(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowdeck.dashboard.shared.observed.SAMPLE", 3)
    publish(*[Probed(n=n) for n in range(6)], stream="probe-1")
    assert "reach back" in viewer.get("/flow/?window=3600").content.decode()


def test_run_times_as_bars_of_equal_steps() -> None:
    assert histogram([]) is None
    found = histogram([0.0002, 0.002, 0.002, 0.3])
    assert found is not None
    assert [tick[1] for tick in found.ticks] == pytest.approx([0.001, 0.01, 0.1, 1.0])
    assert [column.count for column in found.columns] == [1, 2, 1]
    assert max(found.columns, key=lambda column: column.height).count == 2
    assert all(0 <= column.x <= 100 - column.width for column in found.columns)
    one = histogram([1.0])
    assert one is not None
    assert one.total == 1


def test_the_steps_of_a_retry_policy() -> None:
    steps = steps_of(Retry(max_attempts=4, base=1, factor=4, cap=10), {0: 1, 2: 3})
    assert [step.wait for step in steps] == [1, 4, 10, None]
    assert [step.waiting for step in steps] == [1, 0, 3, 0]
    assert steps[0].gap < steps[1].gap < steps[2].gap
    assert [step.number for step in steps_of(Retry(max_attempts=30), {})] == [*range(1, 8), 30]
    assert steps_of(Retry(max_attempts=30), {})[-1].skipped == 22
    assert [step.wait for step in steps_of(Retry(max_attempts=1), {})] == [None]


@settling
def test_the_panel_draws_run_times_and_what_waits_at_each_attempt(viewer: Client) -> None:
    publish(Probed(n=1, fails=9, by="probe.atomic"), Probed(n=2), stream="probe-1")
    settle()
    change(
        Delivery.objects.filter(processor="probe.atomic", event__sequence=1),
        state="retrying",
        attempts=2,
    )
    page = viewer.get("/flow/?node=processor:probe.atomic").content.decode()
    assert "1 waits for attempt 3" in page
    assert "half took at most" in viewer.get("/flow/?node=processor:probe.leased").content.decode()
