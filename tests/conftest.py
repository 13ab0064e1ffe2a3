"""What all tests share: the log that may be emptied, Redis, and a whole site in real processes."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_django
import redis
from django.db import connection
from hypothesis import HealthCheck, Phase, settings

from tests.emptying import spare_the_work
from tests.people import browser, shots, sign_in, signed_in_before  # noqa: F401 (fixtures)
from tests.site import Site, free_port

# How long it takes to make up an input says how busy the machine is.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
# ``make plants`` wants to know whether it fails, and not the shortest way to it.
settings.register_profile("unshrunk", settings.default, phases=[Phase.generate])

# The shell is Chromium without the windows, menus and start page that nobody sees here.
_CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, _CHROMIUMS)), None)


def pytest_collection_finish() -> None:
    """Look for garbage less often: all that was imported would be walked through each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about the other database; browser tests last.

    Playwright's event loop, once it runs, lets no other one run. Crowds are asked of SQLite, where
    writers stand in line, with what takes long.
    """
    if connection.vendor == "sqlite":
        for item in items:
            if item.get_closest_marker("crowd"):
                item.add_marker(pytest.mark.long)
    other = {"postgresql": "sqlite", "sqlite": "postgres"}[connection.vendor]
    elsewhere = [item for item in items if item.get_closest_marker(other)]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]
    items.sort(key=lambda item: "browser" in getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True, scope="session")
def _nobody_stays_connected(
    django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[None]:
    """The database is dropped at the end, whatever threads of the tests still hold on to it."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock():
            connection.close()  # the last test's, which may be gone
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            connection.close()


@pytest.fixture(autouse=True, scope="session")
def _emptied_fast() -> None:
    spare_the_work()


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process knows by itself (bells that failed, who is fast, faults, counts)."""
    from flowdeck.bells import bell
    from flowdeck.engine import drain, sweep
    from lab import injection

    monkeypatch.setattr(bell, "breaker", bell.Breaker())
    monkeypatch.setattr(sweep, "_unheard", sweep._Unheard())
    drain._Pace._fast.clear()
    injection.look_again()


@pytest.fixture(autouse=True)
def _no_retry_is_due_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance draws the whole wait: full jitter may draw none, and then one drain tries twice."""
    from flowdeck.declare.retry import Retry

    for waits in (Retry.delay, Retry.delay_after):
        monkeypatch.setattr(waits, "__defaults__", (lambda: 0.0,))


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The Redis of this run."""
    return os.environ["REDIS_URL"]


@pytest.fixture
def empty_redis(redis_url: str) -> redis.Redis:
    """The Redis of this run, emptied."""
    client = redis.Redis.from_url(redis_url)
    client.flushall()
    return client


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A whole Flowdeck as ``make run`` starts it, on a database of its own of this run's kind."""
    home = Path(os.environ["FLOWDECK_HOME"]) / "site"
    with Site.started(home, free_port()) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program. CI fails without one; elsewhere its tests are reported as not run."""
    if CHROMIUM is None and os.environ.get("CI"):
        pytest.fail("There is no Chromium on PATH.")
    if CHROMIUM is None:
        pytest.skip("not run: there is no Chromium on PATH")
    return CHROMIUM
