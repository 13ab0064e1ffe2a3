"""Probes answer without a sign-in, cheaply, with names of checks and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from flowdeck import publish
from flowdeck.models import Worker
from flowdeck.probes import readiness as looked
from flowdeck.probes import views
from flowdeck.probes.readiness import Readiness
from flowdeck.testing import settle
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
_AGO = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Readiness:
    """A process that has not looked yet."""
    readiness = Readiness()
    monkeypatch.setattr(views, "readiness", readiness)
    return readiness


@pytest.fixture
def worker() -> Worker:
    now = datetime.now(UTC)
    return Worker.objects.create(name="host:1", started_at=now, seen_at=now)


def asked(path: str = "/readyz", **more: Any) -> tuple[int, dict[str, Any]]:
    answer = Client(**more).get(path)
    assert answer["Cache-Control"] == "no-store"
    return answer.status_code, answer.json()


def failing() -> list[str]:
    status, said = asked()
    assert (status == 200) is said["ready"] is (said["failing"] == [])
    return said["failing"]


def test_a_process_that_answers_lives_and_asks_nobody() -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert asked("/livez") == (200, {"alive": True})
    assert len(queries) == 0


def test_it_is_ready_when_all_is_right(worker: Worker) -> None:
    assert failing() == []


def test_answers_are_kept_so_that_nobody_can_load_the_database(worker: Worker) -> None:
    assert failing() == []
    with CaptureQueriesContext(connection) as queries:
        for _ in range(20):
            assert failing() == []
    assert len(queries) == 0


def test_nobody_works(worker: Worker) -> None:
    Worker.objects.update(seen_at=F("seen_at") - _AGO)
    assert failing() == ["workers"]


def test_a_worker_is_cut_off_from_redis(worker: Worker) -> None:
    Worker.objects.update(cut_off_since=F("seen_at"))
    assert failing() == [], "that may be a restart"
    views.readiness._until = 0.0
    Worker.objects.update(cut_off_since=F("seen_at") - _AGO)
    assert failing() == ["bells"]


def test_redis_is_away(worker: Worker, settings: Any) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "REDIS_URL": "redis://127.0.0.1:1/0"}
    assert failing() == ["redis"]


def test_a_migration_is_missing(worker: Worker) -> None:
    newest = MigrationRecorder(connection).migration_qs.filter(app="flowdeck").latest("id")
    newest.delete()
    try:
        assert failing() == ["migrations"]
    finally:
        newest.save(force_insert=True)


def test_the_database_is_away(monkeypatch: pytest.MonkeyPatch, worker: Worker) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "NAME", "/none/none")
    assert failing() == ["database"]


def test_work_that_is_left_alone(
    worker: Worker, fresh: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(Probed(), stream="probe-1")
    assert failing() == []  # it came just now
    monkeypatch.setattr(looked, "KEPT_SECONDS", 0.0)
    monkeypatch.setattr(fresh, "_until", 0.0)
    monkeypatch.setattr(looked, "_STUCK", timedelta())
    assert failing() == ["due"]
    settle()
    assert failing() == []


def test_checks_are_left_out_by_name_and_an_unknown_one_is_refused() -> None:
    assert asked("/readyz?exclude=workers") == (200, {"ready": True, "failing": []})
    status, said = asked("/readyz?exclude=disk")
    assert status == 400
    assert "no check 'disk'" in said["detail"]


def test_probes_are_not_sent_on_to_https(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert asked("/livez")[0] == 200
    assert Client().get("/").status_code == 301
