"""The processors: figures that are true, and the switch of each."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from flowdeck import Breaker, Limits, clock, publish
from flowdeck.bells import bell
from flowdeck.dashboard.shared.run_times import run_times
from flowdeck.declare.registry import registry
from flowdeck.engine import pause
from flowdeck.models import Delivery, FlowControl, Lane, ProcessorState, SilentBell, Worker
from flowdeck.observe import current
from flowdeck.observe import overview as overview_module
from flowdeck.observe.overview import overview
from flowdeck.testing import settle
from tests.probe.events import Probed

WORKER = re.compile(
    r'<b class="mono">(\S+)</b></td><td class="num">(\S+)</td><td class="num">([^<]+)</td>'
)


def row(name: str = "probe.batch") -> Any:
    return next(row for row in overview().rows if row.name == name)


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the overview look at the same rows some time later."""

    ahead = SimpleNamespace(now=lambda: clock.now() + timedelta(seconds=seconds))
    monkeypatch.setattr(overview_module, "clock", ahead)
    monkeypatch.setattr(current, "clock", ahead)


def test_lag_is_what_is_not_settled(operator: Client) -> None:
    publish(Probed(n=1), Probed(n=2, rejects="probe.batch"), stream="probe-1")
    waiting = row()
    assert (waiting.waiting, waiting.dead, waiting.state) == (2, 0, "running")
    assert waiting.oldest_at is not None
    settle()
    settled = row()
    assert (settled.waiting, settled.dead, settled.state) == (0, 1, "idle")
    assert settled.oldest_at is None
    assert 1 / 71 < settled.per_second <= 1 / 60


def test_a_rate_that_can_not_be_known_is_not_zero(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(Probed(n=1), stream="probe-1")
    later(monkeypatch, 120)
    assert row().per_second is None, "nobody has folded what was told since"
    assert "–" in operator.get("/processors/").content.decode()


def test_counts_stop_somewhere_and_say_so(
    monkeypatch: pytest.MonkeyPatch, operator: Client
) -> None:
    monkeypatch.setattr(current, "COUNTED", 3)
    publish(*[Probed(n=n) for n in range(9)], stream="probe-1")
    assert (row().waiting, row().at_least) == (3, True)
    assert "3+" in operator.get("/processors/").content.decode()


def test_nobody_works_is_said_only_when_it_is_true(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not overview().nobody_works, "nothing is due"
    publish(Probed(n=1), stream="probe-1")
    assert not overview().nobody_works, "it is due for a moment only"
    later(monkeypatch, 30)
    assert overview().nobody_works
    assert "Nobody works" in operator.get("/processors/").content.decode()
    now = datetime.now(UTC) + timedelta(seconds=30)
    Worker.objects.create(name="host:1", started_at=now, seen_at=now)
    assert not overview().nobody_works, "a worker is alive"
    Worker.objects.all().delete()
    for name in {d.processor for d in Delivery.objects.all()}:
        pause.pause(name, by="mara", reason="x")
    assert not overview().nobody_works, "all that is due is paused"


def test_who_reaches_no_redis_is_told(
    operator: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    now = datetime.now(UTC)
    one = Worker.objects.create(name="host:1", started_at=now, seen_at=now, cut_off_since=now)
    Worker.objects.create(name="host:2", started_at=now, seen_at=now)
    assert "reach Redis" not in operator.get("/processors/").content.decode(), "may be a restart"
    one.cut_off_since = now - timedelta(seconds=30)
    one.save()
    page = operator.get("/processors/").content.decode()
    assert "1 of 2 worker processes can’t reach Redis" in page
    assert page.count("hears no bells since") == 1
    settings.FLOWDECK = {**settings.FLOWDECK, "REDIS_URL": "redis://127.0.0.1:1/0"}
    assert not bell.ring(["probe.atomic"])
    assert "can ring no bell" not in operator.get("/processors/").content.decode(), "just now"
    monkeypatch.setattr(overview_module, "_SILENCE", timedelta())
    assert "This web process can ring no bell" in operator.get("/processors/").content.decode()


def test_other_processes_that_ring_no_bells_are_named(operator: Client) -> None:
    now = clock.now()
    since = now - timedelta(seconds=30)
    SilentBell.objects.create(name="web-2:7", since=since, tried_at=now)
    Worker.objects.create(name="host:1", started_at=now, seen_at=now, cut_off_since=since)
    SilentBell.objects.create(name="host:1", since=since, tried_at=now)
    page = operator.get("/processors/").content.decode()
    assert "1 process can ring no bell" in page
    assert "web-2:7" in page


def test_an_operator_pauses_with_a_reason_and_resumes(operator: Client) -> None:
    response = operator.post("/processors/probe.batch/pause/", {"reason": "a look <b>at</b> it"})
    assert response.status_code == 302
    state = ProcessorState.objects.get(name="probe.batch")
    assert (state.paused_by, state.pause_reason) == ("operator", "a look <b>at</b> it")
    page = operator.get("/processors/").content.decode()
    assert "paused by operator" in page
    assert "a look &lt;b&gt;at&lt;/b&gt; it" in page
    assert operator.post("/processors/probe.batch/resume/").status_code == 302
    state.refresh_from_db()
    assert state.paused_at is None


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301, "a\x00b"])
def test_a_reason_is_needed_and_what_was_typed_stays(operator: Client, reason: str) -> None:
    response = operator.post("/processors/probe.batch/pause/", {"reason": reason})
    assert response.status_code == 422
    assert "Say why" in response.content.decode()
    assert not ProcessorState.objects.filter(paused_at__isnull=False).exists()


def test_a_viewer_may_look_but_not_switch(viewer: Client) -> None:
    assert viewer.get("/processors/").status_code == 200
    asked = viewer.get("/processors/?pause=probe.batch").content.decode()
    assert "To pause and resume processors you need the permission" in asked
    assert "<form" not in asked.split("<main")[1]
    assert viewer.post("/processors/probe.batch/pause/", {"reason": "x"}).status_code == 403
    assert viewer.post("/processors/probe.batch/resume/").status_code == 403


def test_switches_are_post_only_and_csrf_checked(operator: Client) -> None:
    for url in ("/processors/probe.batch/pause/", "/processors/probe.batch/resume/"):
        assert operator.get(url).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    response = strict.post("/processors/probe.batch/pause/", {"reason": "x"})
    assert response.status_code == 403


def test_a_processor_nobody_declared_is_not_found(operator: Client) -> None:
    assert operator.post("/processors/nonsense/pause/", {"reason": "x"}).status_code == 404
    assert operator.post("/processors/nonsense/resume/").status_code == 404


def test_pausing_twice_keeps_the_first_reason(operator: Client) -> None:
    for reason in ("first", "second"):
        operator.post("/processors/probe.batch/pause/", {"reason": reason})
    assert ProcessorState.objects.get(name="probe.batch").pause_reason == "first"


def test_the_number_of_queries_is_constant(
    operator: Client, django_assert_num_queries: Any
) -> None:
    publish(Probed(n=1), stream="probe-1")
    settle()
    publish(Probed(n=2), stream="probe-1")
    with django_assert_num_queries(20):  # shell 9, overview 8, silent bells, run times 2
        operator.get("/processors/")
    publish(*[Probed(n=n) for n in range(50)], stream="probe-1")
    with django_assert_num_queries(20):
        operator.get("/processors/")


def test_lanes_tell_who_holds_them(operator: Client) -> None:
    now = datetime.now(UTC)
    Worker.objects.create(name="host:1", started_at=now, seen_at=now)
    publish(Probed(n=1), stream="probe-1")
    settle()
    lane = Lane.objects.filter(processor="probe.batch").order_by("first_slot")[2]
    Lane.objects.filter(pk=lane.pk).update(claims=1, claimed_at=now, worker="host:1")
    assert overview().lanes_of["host:1"] == ["probe.batch 3"]
    page = operator.get("/processors/").content.decode()
    assert "holds probe.batch 3" in page
    assert "1 held, 3 by host:1" in page
    Lane.objects.filter(pk=lane.pk).update(claimed_at=now - timedelta(minutes=1))
    assert row().held == 0, "its worker did not come back"
    Lane.objects.filter(pk=lane.pk).update(claims=9)
    assert row().lane_states[2].state == "careful"


def test_waits_and_runs_are_told_in_percentiles(operator: Client) -> None:
    publish(*[Probed(n=n) for n in range(5)], stream="probe-1")
    settle()
    times = run_times()["probe.batch"]
    assert times.wait_p50 is not None
    assert times.wait_p50 <= (times.wait_p99 or 0)
    assert times.p50 is not None


def test_workers_tell_how_much_they_do_and_the_memory_they_hold(operator: Client) -> None:
    now = datetime.now(UTC)
    Worker.objects.create(
        name="host:1", started_at=now, seen_at=now, per_second=3.9, memory=118 * 2**20
    )
    assert "118.0\xa0MB" in operator.get("/processors/").content.decode()
    assert overview().totals.memory == 118 * 2**20
    Worker.objects.create(name="host:2", started_at=now, seen_at=now)
    page = operator.get("/processors/").content.decode()
    told = {row[0]: row[1:] for row in re.findall(WORKER, page)}
    assert told == {"host:1": ("3.9/s", "118.0\xa0MB"), "host:2": ("–", "–")}
    assert overview().totals.memory is None, "what is not known of one is not known of all"


def test_totals_are_those_of_all_processors(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(Probed(n=1, rejects="probe.batch"), stream="probe-1")
    rows = overview().rows
    assert overview().totals.waiting == sum(one.waiting for one in rows) > 1
    settle()
    totals = overview().totals
    assert (totals.waiting, totals.dead, totals.oldest_at) == (0, 1, None)
    assert totals.per_second == pytest.approx(
        sum(one.per_second or 0 for one in overview().rows), rel=0.05
    )
    publish(Probed(n=1), stream="probe-1")
    later(monkeypatch, 120)
    assert overview().totals.per_second is None


def test_what_is_limited_tells_what_is_in_the_air_and_what_rests(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(concurrent=4, per="10/s")
    limited = replace(registry.processor("probe.leased"), limits=limits, breaker=Breaker())
    monkeypatch.setitem(registry.processors, limited.name, limited)
    assert "0 of 4 in the air, 10/s" in operator.get("/processors/").content.decode()
    FlowControl.objects.create(
        processor=limited.name, open_until=clock.now() + timedelta(seconds=60)
    )
    assert "breaker open" in operator.get("/processors/").content.decode()
