"""Every pool of Celery's sweeps: retries run and lost bells are found, whichever is chosen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from celery.concurrency import get_implementation
from celery.signals import worker_process_init, worker_ready
from django.db import connection

from flowdeck import publish
from flowdeck.bells import bell
from flowdeck.engine import sweep
from flowdeck.models import Delivery
from tests.polling import eventually
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)

_STOP_SECONDS = 30


@contextmanager
def worker(pool: str, log: Path) -> Iterator[None]:
    """A real worker of this pool on the test's database; it has to stop when it is told to."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings_of_worker",
        "TEST_DATABASE": str(connection.settings_dict["NAME"]),
    }
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    command = ["-m", "celery", "-A", "eda_site", "worker", "-P", pool, "-c", "2", *quiet]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
        process.send_signal(signal.SIGTERM)
        process.wait(_STOP_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass(eq=False)
class Started:
    """What Celery sends with its signal, as far as anybody looks at it."""

    pool: Any


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads", "gevent"])
def test_each_pool_sweeps_where_its_work_is_done(
    pool: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """Of prefork in each of its processes, of all others in the one that there is."""
    settings.FLOWDECK = {**settings.FLOWDECK, "TUNE_WORKERS": False}
    started: list[str] = []
    monkeypatch.setattr(sweep, "start", lambda: started.append(pool))
    kind = get_implementation(pool)
    worker_ready.send(sender=Started(kind.__new__(kind)))
    assert started == ([] if pool == "prefork" else [pool])
    if pool == "prefork":
        worker_process_init.send(sender=None)
    assert started == [pool]


@pytest.mark.long
@pytest.mark.parametrize("pool", ["threads", "prefork", "solo", "gevent"])
def test_retries_run_and_lost_bells_are_found(
    pool: str, tmp_path: Path, empty_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "ring", lambda names, wait=False: True)
    publish(Probed(n=1, fails=1, by="probe.atomic"), stream="probe-1")
    log = tmp_path / "worker.log"

    def all_done() -> bool:
        return set(Delivery.objects.values_list("state", flat=True)) == {"done"}

    with worker(pool, log):
        eventually(all_done, within=60)
    assert Delivery.objects.get(processor="probe.atomic").attempts == 2, log.read_text()
