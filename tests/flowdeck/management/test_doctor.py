"""The doctor finds what is planted, and says what to do; it is content with what is well."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from io import StringIO
from typing import Any

import pytest
import redis
from celery import current_app
from django.conf import settings as known
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings

from flowdeck import clock
from flowdeck.bells import bell
from flowdeck.declare.registry import registry
from flowdeck.declare.subscribing import declare
from flowdeck.management.doctor import bells, database, pages, people, project
from flowdeck.management.doctor.finding import Finding
from flowdeck.models import Worker
from flowdeck.people import groups
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
Look = Callable[[], Iterator[Finding]]
Planted = Callable[[], AbstractContextManager[Any]]


@pytest.fixture(autouse=True)
def well(settings: Any, empty_redis: redis.Redis) -> Iterator[None]:
    """An installation that is well: a worker that hears bells, people with permissions."""
    settings.DEBUG = True
    groups.make_ready()
    Worker.objects.create(name="w1", started_at=clock.now(), seen_at=clock.now(), per_second=0)
    over = threading.Event()

    def hear() -> None:
        while not over.wait(0.01):
            for ringing in empty_redis.scan_iter("flowdeck:bell:*"):
                empty_redis.delete(ringing)

    hearing = threading.Thread(target=hear)
    hearing.start()
    yield
    over.set()
    hearing.join()


def test_what_is_well_is_said_so_and_what_is_not_ends_with_a_failure() -> None:
    out = StringIO()
    with suppress(SystemExit):
        call_command("flowdeck", "doctor", stdout=out)
    said = out.getvalue()
    assert "all is well" in said
    assert "a worker answers the bell in " in said
    assert "the channel layer carries messages" in said
    Worker.objects.all().delete()
    with pytest.raises(SystemExit, match="1"):
        call_command("flowdeck", "doctor", "--url", "http://127.0.0.1:1", stdout=out)
    assert "2 things to mend" in out.getvalue()


def of_project(**given: Any) -> Planted:
    return lambda: override_settings(**given)


def of_flowdeck(**given: Any) -> Planted:
    return lambda: override_settings(FLOWDECK={**known.FLOWDECK, **given})


def patched(target: Any, name: str, value: Any) -> Planted:
    @contextmanager
    def planted() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(target, name, value)
            yield

    return planted


def changed(change: Callable[[], object], back: Callable[[], object] = lambda: None) -> Planted:
    @contextmanager
    def planted() -> Iterator[None]:
        change()
        yield
        back()

    return planted


@contextmanager
def unmigrated() -> Iterator[None]:
    recorder = MigrationRecorder(connection)
    last = recorder.migration_qs.filter(app="flowdeck").order_by("-id")[0]
    recorder.record_unapplied("flowdeck", last.name)
    yield
    recorder.record_applied("flowdeck", last.name)


def without_lanes(event: Probed) -> None:
    """A handler that nobody has made lanes for."""


@contextmanager
def without_its_rule() -> Iterator[None]:
    """The log can be truncated (PostgreSQL) or rows of it deleted (SQLite)."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE flowdeck_event DISABLE TRIGGER flowdeck_event_no_truncate")
            yield
            cursor.execute("ALTER TABLE flowdeck_event ENABLE TRIGGER flowdeck_event_no_truncate")
            return
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'flowdeck_audit_no_update'")
        made = cursor.fetchone()[0]
        cursor.execute("DROP TRIGGER flowdeck_audit_no_update")
        yield
        cursor.execute(made)


def processors_but(name: str) -> list[dict[str, Any]]:
    engine = known.TEMPLATES[0]
    named = [one for one in engine["OPTIONS"]["context_processors"] if not one.endswith(name)]
    return [{**engine, "OPTIONS": {**engine["OPTIONS"], "context_processors": named}}]


_OLD = {"redis_version": "5.0.14", "maxmemory_policy": "allkeys-lru"}
_NOWHERE = "redis://127.0.0.1:1/0"
_IN_MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
_DEAF = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [_NOWHERE]},
    }
}
_SHOWN = [one for one in known.INSTALLED_APPS if one != "django_htmx"]
_LANELESS = declare("new.comer", without_lanes)
PLANTED: dict[str, tuple[Look, Planted, str, str]] = {
    "redis is not set": (project.settings, of_flowdeck(REDIS_URL=""), "W001", "URL of a Redis"),
    "no channel layer": (project.settings, of_project(CHANNEL_LAYERS={}), "W002", "RedisPubSub"),
    "no way out": (project.settings, of_flowdeck(LOGOUT_URL="no"), "W020", "LogoutView"),
    "no sessions": (project.settings, of_project(MIDDLEWARE=[]), "MIDDLEWARE lacks", "add it"),
    "no htmx": (
        project.settings,
        patched(known, "INSTALLED_APPS", _SHOWN),
        "lack htmx",
        "django_htmx",
    ),
    "templates know no request": (
        project.settings,
        of_project(TEMPLATES=processors_but("context_processors.request")),
        "TEMPLATES lacks",
        "DjangoTemplates",
    ),
    "tasks are not found": (
        project.celery,
        patched(project, "DRAIN_TASK", "flowdeck.no"),
        "does not know flowdeck.no",
        "autodiscover_tasks",
    ),
    "handlers run in requests": (
        project.celery,
        changed(
            lambda: setattr(current_app.conf, "task_always_eager", True),
            lambda: setattr(current_app.conf, "task_always_eager", False),
        ),
        "ALWAYS_EAGER",
        "Switch it off",
    ),
    "migrations are missing": (database.tables, unmigrated, "not migrated", "manage.py migrate"),
    "a processor has no lanes": (
        database.tables,
        changed(
            lambda: registry.add_processor(_LANELESS),
            lambda: registry.remove_processor("new.comer"),
        ),
        "new.comer has no lanes",
        "manage.py migrate",
    ),
    "a rule of the database is gone": (database.tables, without_its_rule, "flowdeck_", "it"),
    "redis is away": (bells.redis_server, of_flowdeck(REDIS_URL=_NOWHERE), "Redis at", "Start it"),
    "redis is old": (
        bells.redis_server,
        patched(redis.Redis, "info", lambda self: _OLD),
        "Redis 5.0.14",
        "Redis 6 or newer",
    ),
    "redis evicts": (
        bells.redis_server,
        patched(redis.Redis, "info", lambda self: _OLD),
        "drops keys",
        "noeviction",
    ),
    "redis has another time": (
        bells.redis_server,
        patched(redis.Redis, "time", lambda self: (0, 0)),
        "clock and Redis's",
        "NTP",
    ),
    "a broker that there is not": (
        bells.broker,
        patched(current_app.conf, "broker_url", _NOWHERE),
        "the broker does not answer",
        "CELERY_BROKER_URL",
    ),
    "no worker": (
        bells.workers,
        changed(lambda: Worker.objects.all().delete()),
        "no worker has said",
        "worker -Q ",
    ),
    "a worker that is cut off": (
        bells.workers,
        changed(lambda: Worker.objects.update(cut_off_since=clock.now())),
        "w1 reaches neither",
        "its network",
    ),
    "a queue that nobody hears": (
        bells.answered,
        patched(bell, "key", lambda name: f"elsewhere:{name}"),
        "nobody answers the bell",
        "-Q ",
    ),
    "no addresses": (
        pages.addresses,
        of_project(ROOT_URLCONF="django.contrib.auth.urls"),
        "no page",
        "inclu",
    ),
    "no static files": (
        pages.static_files,
        patched(pages, "_SCRIPT", "flowdeck/js/no.js"),
        "found by no finder",
        "Finder",
    ),
    "files are not collected": (
        pages.static_files,
        of_project(DEBUG=False),
        "is not collected",
        "collectstatic",
    ),
    "a layer of one process": (
        pages.live_layer,
        of_project(CHANNEL_LAYERS=_IN_MEMORY),
        "lives in one process",
        "RedisPubSub",
    ),
    "a layer that is away": (
        pages.live_layer,
        of_project(CHANNEL_LAYERS=_DEAF),
        "carries no message",
        "CHANNEL_LAYERS",
    ),
    "a server that is away": (pages.served_at(_NOWHERE), changed(int), "127.0.0.1", "Start"),
    "nobody may see": (
        people.groups,
        changed(lambda: Group.objects.all().delete()),
        "nobody may see",
        "flowdeck groups",
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_found_with_its_remedy(planted: str) -> None:
    look, plant, said, remedy = PLANTED[planted]
    assert [one for one in look() if not one.well and said in one.said] == [] or "away" in planted
    with plant():
        found = [one for one in look() if not one.well]
    assert any(said in one.said and remedy in one.remedy for one in found), found


@pytest.mark.postgres
def test_an_old_postgresql_and_a_clock_that_is_wrong_are_found() -> None:
    with patched(database, "OLDEST_POSTGRESQL", 99)():
        assert [one.remedy for one in database.tables() if not one.well] == [
            "Use PostgreSQL 99 or newer."
        ]
    with patched(database, "SECONDS_APART", -1)():
        assert [one.remedy for one in database.clock() if not one.well] == ["Keep both by NTP."]
