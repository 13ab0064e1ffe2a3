"""Old and new code side by side under load: nothing lost, doubled, dead or out of order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from tests.infra.commands import ran

pytestmark = [pytest.mark.long, pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

_ROOT = Path(__file__).resolve().parents[2]
_RATE = 25  # events a second of each age
_STAGE = 8.0  # seconds of each of the four stages
_FOUND = """
import json
import django
django.setup()
from flowdeck.models import Delivery, Event, Subscription
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.infra.rolling.models import Seen
settle()
events, seen = Event.objects.order_by("position"), Seen.objects.order_by("id")
parcels = Subscription.objects.filter(type="rolling.Parcel")
print(json.dumps({
    "events": list(events.values_list("position", "type", "version")),
    "seen": list(seen.values_list("processor", "stream", "sequence", "position")),
    "since": dict(parcels.values_list("processor", "since")),
    "not_done": list(Delivery.objects.exclude(state="done").values_list("processor", "state")),
    "violations": [f"{one.check}: {one.detail}" for one in verify()],
}))
"""


class Deploy:
    """Processes of both ages on one database."""

    def __init__(self, database: dict[str, Any]) -> None:
        self._database = json.dumps(database)

    def run(self, code: str, *words: str) -> str:
        return ran(_ROOT, self._environment(code), *words).stdout

    def manage(self, code: str, *words: str) -> str:
        return self.run(code, "-m", "django", *words)

    @contextmanager
    def worker(self, code: str) -> Iterator[None]:
        with self._process(code, "-m", "django", "drain", "--loop", ends=signal.SIGINT):
            yield

    @contextmanager
    def publisher(self, code: str, told: list[int]) -> Iterator[None]:
        words = ("-m", "tests.infra.rolling.publish", str(_RATE))
        with self._process(code, *words, ends=signal.SIGTERM) as said:
            yield
        told.append(int(said[0]))

    @contextmanager
    def _process(self, code: str, *words: str, ends: signal.Signals) -> Iterator[list[str]]:
        said: list[str] = []
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=_ROOT,
            env=self._environment(code),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield said
            assert process.poll() is None, "it ended by itself"
        finally:
            process.send_signal(ends)
            said.append(process.communicate(timeout=60)[0])

    def _environment(self, code: str) -> dict[str, str]:
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.infra.rolling.settings",
            "ROLLING_CODE": code,
            "ROLLING_DATABASE": self._database,
        }


@pytest.fixture
def deploy() -> Iterator[Deploy]:
    name = f"rolling_{uuid4().hex[:8]}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    given = connection.get_connection_params()
    where = {key.upper(): given.get(key, "") for key in ("user", "password", "host", "port")}
    yield Deploy({"ENGINE": "django.db.backends.postgresql", "NAME": name, **where})
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def wait() -> None:
    """Let them all work for a stage: it is load that is wanted, not a moment."""
    threading.Event().wait(_STAGE)


@pytest.mark.parametrize("first", ["workers", "web"])
def test_old_and_new_code_side_by_side_lose_double_and_disorder_nothing(
    deploy: Deploy, first: str
) -> None:
    deploy.manage("old", "migrate", "--run-syncdb", "-v0")
    published: list[int] = []
    with ExitStack() as old, ExitStack() as new:
        old.enter_context(deploy.publisher("old", published))
        old.enter_context(deploy.worker("old"))
        wait()
        if first == "workers":  # the new code's processors are first heard of by its worker
            new.enter_context(deploy.worker("new"))
            wait()
            new.enter_context(deploy.publisher("new", published))
        else:  # what old workers get of new publishers waits
            new.enter_context(deploy.publisher("new", published))
            wait()
            new.enter_context(deploy.worker("new"))
        deploy.manage("new", "flowdeck", "processors", "divide", "post", "--reason", "fewer")
        wait()
        divided = ("flowdeck", "processors", "divide", "mailer", "--lanes", "32")
        deploy.manage("old", *divided, "--reason", "more")
        wait()
        old.close()
    found = json.loads(deploy.run("new", "-c", _FOUND).splitlines()[-1])

    assert found["not_done"] == []
    assert found["violations"] == []
    assert len(found["events"]) == sum(published)
    parcels = [at for at, type_, _ in found["events"] if type_ == "rolling.Parcel"]
    assert {version for _, type_, version in found["events"] if type_ == "rolling.Parcel"} == {1, 2}
    all_types = [at for at, _, _ in found["events"]]
    since = found["since"]["newcomer"]
    wanted = {
        "mailer": parcels,
        "historian": parcels,
        "newcomer": [at for at in all_types if at > since],
    }
    for name, positions in wanted.items():
        seen = [row for row in found["seen"] if row[0] == name]
        assert sorted(at for *_, at in seen) == positions
        last: dict[str, int] = {}
        for _, stream, sequence, _ in seen:
            assert sequence > last.get(stream, 0), f"{name} saw {stream} out of order"
            last[stream] = sequence
    assert len(wanted["newcomer"]) > _RATE * _STAGE
