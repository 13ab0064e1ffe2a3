"""What a worker tells of itself, and that it does."""

from __future__ import annotations

from datetime import datetime, timedelta
from mmap import PAGESIZE, mmap
from typing import Any
from uuid import uuid4

import pytest

from flowdeck import clock, publish, telemetry
from flowdeck.engine.drain import drain_all
from flowdeck.engine.sweep import Sweeper
from flowdeck.engine.vital_signs import VitalSigns, memory
from flowdeck.models import Worker
from flowdeck.processes import worker_name
from tests.probe.events import Probed

MEGABYTE = 2**20


def settled(*states: str) -> telemetry.Settled:
    deliveries = tuple(telemetry.SettledDelivery(1, state, uuid4()) for state in states)
    return telemetry.Settled("probe", deliveries)


def test_the_rate_is_what_got_done_over_the_last_signs() -> None:
    now = [0.0]
    signs = VitalSigns(lambda: now[0])
    assert signs.rate() is None, "no time has passed: it is not known, and not 0"
    rates = []
    for done in (10, 0, 0, 0, 0):
        now[0] += 5
        signs.settled(settled(*["done"] * done))
        rates.append(signs.rate())
    assert rates[0] == pytest.approx(2)
    assert rates[1] == pytest.approx(1)
    assert rates[-1] == 0, "it was long ago"


def test_only_what_is_done_counts() -> None:
    now = [0.0]
    signs = VitalSigns(lambda: now[0])
    states = ("done", "retrying", "dead", "done")
    signs.settled(settled(*states))
    now[0] = 1
    assert signs.rate() == 2


def test_memory_is_that_of_this_process() -> None:
    held = memory()
    assert held is not None
    assert 10 * MEGABYTE < held < 4_000 * MEGABYTE
    with mmap(-1, 64 * MEGABYTE) as ballast:  # memory that was not this process's before
        for page in range(0, len(ballast), PAGESIZE):
            ballast[page] = 1
        assert (memory() or 0) > held + 32 * MEGABYTE


@pytest.mark.django_db(transaction=True)
def test_a_sweeper_says_how_its_process_does() -> None:
    sweeper = Sweeper()
    telemetry.subscribe(telemetry.Settled, sweeper._signs.settled)
    try:
        publish(Probed(n=1), stream="probe-1")
        drain_all()
        sweeper.tick()
    finally:
        telemetry.unsubscribe(telemetry.Settled, sweeper._signs.settled)
    told = Worker.objects.get(name=worker_name())
    assert told.per_second
    assert told.memory


@pytest.mark.django_db(transaction=True)
def test_a_worker_tells_since_when_it_reaches_no_redis(settings: Any) -> None:
    def said(sweeper: Sweeper) -> datetime | None:
        sweeper._beat_at -= timedelta(minutes=1)
        sweeper.tick()
        return Worker.objects.get(name=worker_name()).cut_off_since

    sweeper, right = Sweeper(), settings.FLOWDECK
    sweeper._beat_at = clock.now()
    assert said(sweeper) is None
    settings.FLOWDECK = {**right, "REDIS_URL": "redis://127.0.0.1:1/0"}
    since = said(sweeper)
    assert since is not None
    assert said(sweeper) == since, "since the first time"
    settings.FLOWDECK = right
    assert said(sweeper) is None
