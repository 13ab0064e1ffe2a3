"""``manage.py runserver`` alone: handlers run in its threads, without Redis and Celery."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from flowdeck import publish
from flowdeck.bells import bell, nearby
from flowdeck.checks.project import surroundings, workers
from flowdeck.engine import in_process, sweep
from flowdeck.live import announce
from flowdeck.live import nearby as live_nearby
from flowdeck.live.changes import Changes
from flowdeck.management.doctor import bells, pages, project
from flowdeck.models import Delivery, Worker
from tests.polling import eventually
from tests.probe.events import Probed

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def alone(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of the tutorial: there is neither a Redis nor a broker."""
    settings.FLOWDECK = {**settings.FLOWDECK, "REDIS_URL": NOWHERE, "IN_PROCESS_WORKER": True}
    monkeypatch.setattr(nearby, "porch", nearby.Porch())
    monkeypatch.setattr(sweep, "_sweeper", None)
    monkeypatch.setattr(bell, "breaker", bell.Breaker())


@pytest.mark.django_db(transaction=True)
def test_runserver_handles_what_is_published_and_says_that_it_is_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for words in (["migrate"], ["runserver"]):  # the latter is the process that only restarts it
        monkeypatch.setattr("sys.argv", ["manage.py", *words])
        assert in_process.start_if_wanted() is None
    monkeypatch.setattr("sys.argv", ["manage.py", "runserver", "--noreload"])
    monkeypatch.setattr(sweep.Sweeper, "tick", lambda _: False)  # bells are answered, not found
    worker = in_process.start_if_wanted()
    assert worker is not None
    try:
        eventually(lambda: bell.ring(["probe.atomic"]))
        publish(Probed(n=1), stream="probe-1")
        eventually(lambda: Delivery.objects.filter(state="done").exists())
        assert bell.breaker.failures == 0
    finally:
        worker.stop()


@pytest.mark.django_db(transaction=True)
def test_the_sweeper_of_the_process_finds_what_a_shell_has_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(Probed(n=1), stream="probe-1")
    assert not bell.ring(["probe.atomic"])  # nobody listens in the process of a shell
    monkeypatch.setattr("sys.argv", ["manage.py", "runserver", "--noreload"])
    worker = in_process.start_if_wanted()
    assert worker is not None
    try:
        eventually(lambda: not Delivery.objects.exclude(state="done").exists())
        eventually(lambda: Worker.objects.filter(cut_off_since=None).exists())
    finally:
        worker.stop()


@pytest.mark.django_db
def test_an_errand_is_taken_up_once_however_often_it_is_rung_for() -> None:
    nearby.porch.listen()
    assert bell.ring(["probe.atomic"])
    assert bell.ring(["probe.atomic"])
    assert bell.start_run(7)
    taken = [nearby.porch.take(0) for _ in range(3)]
    assert taken == [
        nearby.Errand(bell.DRAIN_TASK, "probe.atomic"),
        nearby.Errand(bell.REPLAY_TASK, 7),
        None,
    ]


async def test_pages_hear_of_changes_from_other_threads_without_a_channel_layer() -> None:
    heard: asyncio.Queue[Changes] = asyncio.Queue()
    listening = asyncio.create_task(live_nearby.listen(heard.put_nowait))
    await asyncio.sleep(0)
    told = Changes()
    told.touch(7)
    sent = announce.Announcer()._send
    thread = threading.Thread(target=lambda: asyncio.run(sent(told)))
    thread.start()
    assert await asyncio.wait_for(heard.get(), 60) is told
    listening.cancel()
    thread.join()


@pytest.mark.django_db
def test_it_needs_nothing_else_and_is_refused_where_others_work() -> None:
    assert surroundings() == []
    asked = (project.celery, bells.redis_server, bells.broker, bells.answered, pages.live_layer)
    assert [finding for look in asked for finding in look()] == []
    assert [one.id for one in workers()] == ["flowdeck.E015"]
