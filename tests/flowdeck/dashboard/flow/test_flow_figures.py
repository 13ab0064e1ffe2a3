"""The figures of the flow map: rates of a window, run times, retries."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from flowdeck import clock, publish
from flowdeck.dashboard.flow.facts import Facts
from flowdeck.dashboard.flow.histogram import histogram
from flowdeck.dashboard.flow.retries import steps_of
from flowdeck.dashboard.shared.run_times import run_times
from flowdeck.declare.retry import Retry
from flowdeck.history import fold, sketch
from flowdeck.live.views import find
from flowdeck.models import Delivery, Fold, Produced, Trace
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
    assert 6 / 71 < facts.edges["producer:tests", "type:Probed"].per_second <= 0.1
    assert 6 / 71 < facts.edges[HEARD].per_second <= 0.1
    assert facts.edges[HEARD].mark == ""
    assert facts.edges[WROTE].mark == "", "whoever says nothing surprises nobody"


def test_rates_are_of_what_was_done_however_old_its_event_is() -> None:
    """What was published long ago and is worked off now goes in now."""
    publish(*[Probed(n=n) for n in range(6)], stream="probe-1", producer="tests")
    fold.fold_all()
    hour = 3600
    for model in (Produced, Trace):
        model.objects.all().delete()
    Produced.objects.create(
        grain=10,
        at=int(clock.now().timestamp()) // 10 * 10 - hour,
        type="Probed",
        producer="tests",
        n=6,
    )
    settle()
    facts = Facts.load()
    assert facts.edges["producer:tests", "type:Probed"].per_second == 0
    assert 6 / 71 < facts.edges[HEARD].per_second <= 0.1


@settling
def test_run_times_and_failures() -> None:
    publish(Probed(n=1, fails=1, by="probe.atomic"), Probed(n=2), stream="probe-1")
    settle()
    ran = [
        (one.finished_at - one.started_at).total_seconds()
        for one in Delivery.objects.filter(processor="probe.leased", state="done")
        if one.started_at and one.finished_at
    ]
    times = run_times()
    assert times["probe.leased"].p99 == pytest.approx(max(ran), rel=0.05)
    assert times["probe.leased"].failed == 0
    assert (times["probe.atomic"].attempts, times["probe.atomic"].failures) == (3, 1)
    assert "probe.renamed" not in times


@settling
def test_rates_and_percentiles_are_of_the_window_chosen(viewer: Client) -> None:
    publish(*[Probed(n=n) for n in range(6)], stream="probe-1", producer="tests")
    settle()
    edge = ("producer:tests", "type:Probed")
    for window, more in ((10, 10), (60, 10), (3_600, 60)):
        facts = Facts.load(window)
        assert 6 / (window + more + 1) < facts.edges[edge].per_second <= 6 / window
        times = facts.nodes["processor:probe.atomic"].times
        assert times.attempts == 6
        assert times.per_second == facts.nodes["processor:probe.atomic"].per_second
    page = viewer.get("/flow/?window=10&node=type:Probed").content.decode()
    assert "of the last 10 s." in page
    assert 'data-live-view="flow:?window=10"' in page
    assert 'data-live-view="flow-node:10:type:Probed"' in page
    found = find("flow-node:10:type:Probed")
    assert found is not None
    assert re.search(r"0\.[3-6]/s", found.view(None, found.argument).regions()[0].html)
    assert "of the last 1 min." in viewer.get("/flow/?window=nonsense").content.decode()


@settling
def test_a_window_longer_than_what_is_known_says_so(viewer: Client) -> None:
    assert "reach back" not in viewer.get("/flow/?window=3600").content.decode()
    assert "of the last 1 h." in viewer.get("/flow/?window=3600").content.decode()
    settle()
    Fold.objects.update(since=clock.now() - timedelta(minutes=2))
    assert "reach back no further" in viewer.get("/flow/?window=3600").content.decode()
    Fold.objects.update(since=clock.now() + timedelta(minutes=2))
    page = viewer.get("/flow/").content.decode()
    assert "No figures yet" in page


def test_run_times_as_bars_of_equal_steps() -> None:
    assert histogram({}) is None
    runs: dict[int, int] = {}
    for seconds in (0.0002, 0.002, 0.002, 0.3):
        sketch.count(runs, seconds)
    found = histogram(runs)
    assert found is not None
    assert [tick[1] for tick in found.ticks] == pytest.approx([0.001, 0.01, 0.1, 1.0])
    assert [column.count for column in found.columns] == [1, 2, 1]
    assert max(found.columns, key=lambda column: column.height).count == 2
    assert all(0 <= column.x <= 100 - column.width for column in found.columns)
    one = histogram({0: 1})
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
