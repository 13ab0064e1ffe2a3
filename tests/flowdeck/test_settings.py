"""Settings: what does not fit is refused by name; the project's processes are left alone."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from celery import current_app
from celery.signals import worker_init
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from kombu.transport.redis import Channel

from flowdeck import discovery
from flowdeck.bells import bell, messages
from flowdeck.conf import Conf, conf
from flowdeck.engine import sweep, worker
from flowdeck.live import announce

WRONG = {
    "REDIS_URL": None,
    "LANES_PER_CLAIM": "4",
    "CRASHES": 0,
    "MAX_HOPS": 1.5,
    "LEASE_SECONDS": float("nan"),
    "PROVE_OUTSIDE": "no",
    "WEBHOOK_NETWORKS": "10.1.0.0/16",
    "DISCOVER": "mysite",
    "GROUPS": ["operator"],
}


@pytest.mark.parametrize(("name", "value"), WRONG.items())
def test_a_value_that_does_not_fit_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"FLOWDECK\['{name}'\] is .*; it takes "):
        Conf(**{name: value})  # type: ignore[arg-type]


def test_a_setting_that_there_is_not_is_refused_with_the_one_meant() -> None:
    told = "no setting 'REDIS_ULR'; do you mean 'REDIS_URL'?"
    with (
        override_settings(FLOWDECK={"REDIS_ULR": ""}),
        pytest.raises(ImproperlyConfigured, match=told.replace("?", r"\?")),
    ):
        conf()


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Messages are written once per process."""
    caches = (messages._message, messages._unless_set)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.django_db
def test_keys_and_queue_are_the_projects(
    settings: Any, empty_redis: redis.Redis, forgotten: None
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "PREFIX": "mysite", "QUEUE": "mysite-bells"}
    assert bell.ring(["probe.atomic"], wait=True)
    kept = [key.decode() for key in empty_redis.scan_iter()]
    assert sorted(kept) == ["mysite-bells", "mysite:bell:probe.atomic"]
    assert announce.group() == "mysite.changes"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a worker process starts."""
    found: list[str] = []
    monkeypatch.setattr(sweep, "start", lambda: found.append("sweeper"))
    return found


def listening_to(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    queues = current_app.amqp.queues
    monkeypatch.setattr(queues, "_consume_from", {name: queues[name] for name in names})


def test_a_worker_for_other_queues_does_none_of_our_work(
    monkeypatch: pytest.MonkeyPatch, started: list[str], settings: Any
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "TUNE_WORKERS": False}
    listening_to(monkeypatch, "slow")
    worker._start_in_pool_process()
    assert started == []
    listening_to(monkeypatch, "slow", messages.queue_of(bell.DRAIN_TASK).name)
    worker._start_in_pool_process()
    assert started == ["sweeper"]


def test_what_is_wrong_here_stops_no_worker_for_other_queues(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "TUNE_WORKERS": False}
    settings.USE_TZ = False
    listening_to(monkeypatch, "slow")
    worker_init.send(sender=None)
    listening_to(monkeypatch, messages.queue_of(bell.DRAIN_TASK).name)
    with pytest.raises(SystemExit, match="USE_TZ is False"):
        worker_init.send(sender=None)


def test_nothing_of_a_process_is_changed_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch, started: list[str], settings: Any
) -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    monkeypatch.setattr(Channel, "QoS", kind := Channel.QoS)
    settings.FLOWDECK = {**settings.FLOWDECK, "TUNE_WORKERS": False}
    worker._stay_able_to_hear()
    worker._start_in_pool_process()
    assert (gc.get_threshold(), gc.get_freeze_count(), Channel.QoS) == (before, frozen, kind)
    settings.FLOWDECK = {**settings.FLOWDECK, "TUNE_WORKERS": True}
    worker._stay_able_to_hear()
    assert Channel.QoS is not kind


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An app of somebody's, with modules that must not be imported."""
    folder = tmp_path / "stranger"
    (folder / "events").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "processors.py").write_text('raise RuntimeError("imported")  # not flowdeck\n')
    (folder / "events" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [one for one in sys.modules if one.partition(".")[0] == "stranger"]:
        del sys.modules[name]


def test_modules_of_strangers_are_not_imported(stranger: Path) -> None:
    def belongs(name: str) -> bool:
        spec = find_spec(f"stranger.{name}")
        assert spec is not None
        return discovery.belongs(spec)

    assert not belongs("processors")
    assert not belongs("events")
    (stranger / "events" / "concerts.py").write_text("from flowdeck import Event\n")
    assert belongs("events")
    assert "stranger.processors" not in sys.modules


@pytest.mark.parametrize("named", [None, ("stranger",)])
def test_only_named_apps_are_looked_at_where_some_are_named(
    stranger: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    named: tuple[str, ...] | None,
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "DISCOVER": named}
    installed = [
        *apps.get_app_configs(),
        SimpleNamespace(name="stranger", module=import_module("stranger")),
    ]
    monkeypatch.setattr(discovery, "apps", SimpleNamespace(get_app_configs=lambda: installed))
    if named is None:
        discovery.discover()
    else:
        with pytest.raises(RuntimeError, match="imported"):
            discovery.discover()


def test_an_app_that_there_is_not_can_not_be_named(settings: Any) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "DISCOVER": ("probe",)}
    with pytest.raises(ImproperlyConfigured, match=r"DISCOVER'\] names 'probe', which is no"):
        discovery.discover()
