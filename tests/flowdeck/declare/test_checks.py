"""``manage.py check`` names what is missing around the engine, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from celery.signals import worker_init
from django.contrib.auth.models import User
from django.core import checks
from django.test import override_settings

from eda_site import environment
from flowdeck import clock
from flowdeck.bells import bell, messages, silence
from flowdeck.bells.line import Breaker
from flowdeck.checks.project import passwords
from flowdeck.database import connection
from flowdeck.models import SilentBell, Worker
from flowdeck.processes import worker_name


@contextmanager
def broker(url: str) -> Iterator[None]:
    """Celery is told of this broker."""
    known = current_app.conf.broker_url
    current_app.conf.broker_url = url
    messages.shares_broker.cache_clear()
    try:
        yield
    finally:
        current_app.conf.broker_url = known
        messages.shares_broker.cache_clear()


def found() -> list[checks.CheckMessage]:
    return checks.run_checks(tags=["flowdeck"])


def warnings() -> set[str | None]:
    return {message.id for message in found()}


def test_nothing_is_missing_here() -> None:
    assert warnings() == set()


@override_settings(CHANNEL_LAYERS={})
def test_a_missing_channel_layer_is_named() -> None:
    assert warnings() == {"flowdeck.W002"}


@override_settings(FLOWDECK={})
def test_a_missing_redis_is_named() -> None:
    assert "flowdeck.W001" in warnings()


def test_a_broker_that_celery_does_not_know_is_named() -> None:
    with broker("carrier-pigeon://loft"):
        assert warnings() == {"flowdeck.E006"}


def test_a_parameter_that_celery_does_not_know_is_named() -> None:
    with broker("redis://127.0.0.1:6399?db=5"):
        (error,) = found()
    assert error.id == "flowdeck.E006"
    assert "a parameter that Celery does not know" in error.msg
    assert "'db'" in error.msg


@pytest.mark.parametrize("url", ["carrier-pigeon://loft", "redis://127.0.0.1/five?db=x"])
def test_a_redis_that_is_none_is_named(url: str) -> None:
    with override_settings(FLOWDECK={"REDIS_URL": url}):
        assert "flowdeck.E006" in warnings()


def test_moments_without_a_time_zone_are_refused() -> None:
    with override_settings(USE_TZ=False):
        assert warnings() == {"flowdeck.E007"}


PASSWORDS = [
    ("unix://:secret@/run/redis.sock?db=2", "redis+socket:///run/redis.sock?virtual_host=2"),
    ("redis://127.0.0.1:6399/0", "redis://:secret@127.0.0.1:6399/0"),
]


@pytest.mark.parametrize(("redis_url", "broker_url"), PASSWORDS)
def test_a_password_that_only_one_side_gives_is_refused(redis_url: str, broker_url: str) -> None:
    with override_settings(FLOWDECK={"REDIS_URL": redis_url}), broker(broker_url):
        assert "flowdeck.E008" in warnings()


OF_THE_BROKER = {
    "unix:///run/r.sock": "redis+socket:///run/r.sock?virtual_host=0",
    "unix://:s%2Fcret@/run/r.sock?db=2": "redis+socket://:s%2Fcret@/run/r.sock?virtual_host=2",
    "unix:///run/r.sock?password=s/cret": "redis+socket://:s%2Fcret@/run/r.sock?virtual_host=0",
    "redis://h:6379?db=5": "redis://h:6379/5",
    "rediss://u:p@h/1": "rediss://u:p@h/1",
}


@pytest.mark.parametrize("url", OF_THE_BROKER)
def test_the_site_tells_celery_where_its_redis_is_and_how_to_get_in(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    assert environment.broker_url(url) == OF_THE_BROKER[url]
    with override_settings(FLOWDECK={"REDIS_URL": url}), broker(OF_THE_BROKER[url]):
        assert warnings() == set()
        assert messages.shares_broker(url)


def test_a_worker_does_not_start_with_what_can_not_work() -> None:
    with override_settings(USE_TZ=False), pytest.raises(SystemExit, match="USE_TZ is False"):
        worker_init.send(sender=None)


def test_an_address_for_signing_out_that_is_not_there_is_named(settings: Any) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "LOGOUT_URL": "account_logout"}
    assert warnings() == {"flowdeck.W020"}
    settings.FLOWDECK = {**settings.FLOWDECK, "LOGOUT_URL": ""}
    assert warnings() == set()


def test_names_that_are_too_long_for_the_audit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(User._meta.get_field("username"), "max_length", 320)
    assert warnings() == set()
    monkeypatch.setattr(User._meta.get_field("username"), "max_length", 321)
    assert warnings() == {"flowdeck.E009"}


@pytest.mark.django_db
def test_a_worker_that_hears_no_bells_is_named() -> None:
    def named() -> list[str]:
        said = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
        return [one.msg for one in said if one.id == "flowdeck.W004"]

    now = clock.now()
    Worker.objects.create(name="host:1", started_at=now, seen_at=now)
    assert named() == []
    Worker.objects.update(cut_off_since=now - timedelta(seconds=30))
    assert ["Worker host:1 has not reached Redis" in one for one in named()] == [True]


@pytest.mark.django_db
def test_a_table_that_migrate_has_yet_to_change_is_not_asked() -> None:
    now = clock.now()
    Worker.objects.create(name="host:1", started_at=now, seen_at=now)
    Worker.objects.update(cut_off_since=now - timedelta(seconds=30))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE flowdeck_worker DROP COLUMN hears")
    said = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
    assert "flowdeck.W004" not in {one.id for one in said}


@pytest.mark.django_db(transaction=True)
def test_another_process_whose_bells_fail_is_named(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a web process: it has no sweep that says anything of it."""

    def named() -> list[str]:
        said = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
        return [one.msg for one in said if one.id == "flowdeck.W008"]

    monkeypatch.setattr(bell, "breaker", Breaker())
    settings.FLOWDECK = {**settings.FLOWDECK, "REDIS_URL": "redis://127.0.0.1:1/0"}
    assert not bell.ring(["probe.atomic"])
    assert named() == [], "it may be a restart"
    assert bell.breaker.failing_since
    bell.breaker.failing_since -= 30
    bell.breaker._closed_at = 0.0
    assert not bell.ring(["probe.atomic"])
    assert [worker_name() in one for one in named()] == [True]
    SilentBell.objects.update(tried_at=clock.now() - timedelta(hours=1))
    assert named() == []
    silence.forget(timedelta(minutes=5))
    assert not SilentBell.objects.exists()


def test_tokens_that_outlive_a_password_are_named(settings: Any) -> None:
    assert passwords() == []
    settings.AUTH_PASSWORD_VALIDATORS = []
    assert [one.id for one in passwords()] == ["flowdeck.W007"]
