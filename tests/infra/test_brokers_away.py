"""All brokers are away for one and the same minute."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from flowdeck import outlet, publish
from flowdeck.connect import relay
from flowdeck.connect.outlets import Outlet
from flowdeck.models import Connector, Event
from tests.flowdeck.connect.aws import a_moto
from tests.flowdeck.connect.brokers import (
    Broker,
    a_kafka,
    a_nats,
    a_rabbit,
    a_redis,
    a_webhook,
)
from tests.flowdeck.connect.declared import forget
from tests.flowdeck.connect.test_conformance import first_time, logged
from tests.polling import eventually
from tests.probe.events import Probed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
_AWAY_SECONDS = 60
_EVERY = 0.2
_CATCH_UP_SECONDS = 180


@pytest.fixture
def all_brokers(redis_url: str, tmp_path: Path) -> Iterator[dict[str, Broker]]:
    with ExitStack() as stack:
        starts: dict[str, Callable[[Path], Any]] = {
            "redis": lambda _: a_redis(redis_url),
            "webhook": lambda _: a_webhook(),
            "nats": a_nats,
            "kafka": a_kafka,
            "rabbitmq": a_rabbit,
            "sqs": lambda folder: a_moto("sqs", folder),
            "sns": lambda folder: a_moto("sns", folder),
        }
        found: dict[str, Broker] = {}
        for name, start in starts.items():
            folder = tmp_path / name
            folder.mkdir()
            found[name] = stack.enter_context(start(folder))
        yield found


@pytest.fixture
def outs(all_brokers: dict[str, Broker], settings: Any) -> Iterator[dict[str, Outlet]]:
    """An outlet to each, under way."""
    settings.FLOWDECK = {
        **settings.FLOWDECK,
        "BROKERS": {name: one.url for name, one in all_brokers.items()},
        "WEBHOOK_NETWORKS": ("127.0.0.0/8",),
        "WEBHOOK_SECRETS": {"webhook": all_brokers["webhook"].secrets},  # type: ignore[attr-defined]
    }
    made, ended = {}, threading.Event()
    for name, broker in all_brokers.items():
        to = f"away-{name}{getattr(broker, 'suffix', '')}"
        broker.prepare(to)
        made[name] = outlet(f"probe-{name}", broker=name, to=to, types=[Probed])
    threads = [threading.Thread(target=_follow, args=(one, ended)) for one in made.values()]
    for thread in threads:
        thread.start()
    yield made
    ended.set()
    for thread in threads:
        thread.join()
    for one in made.values():
        forget(one.name)


def _follow(out: Outlet, ended: threading.Event) -> None:
    try:
        relay.run(out, ended)
    finally:
        connection.close()


def _published_for(seconds: float, names: list[str]) -> float:
    """Publish steadily; the median of the milliseconds that took."""
    took, pause, end = [], threading.Event(), time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        publish(Probed(n=len(took)), stream=names[len(took) % len(names)])
        took.append((time.perf_counter() - began) * 1000)
        pause.wait(_EVERY)
    return statistics.median(took)


def test_publishers_do_not_notice_and_all_is_caught_up_with_in_order(
    all_brokers: dict[str, Broker],
    outs: dict[str, Outlet],
    record_property: Callable[[str, object], None],
) -> None:
    keys = [f"k{n}" for n in range(7)]
    _published_for(1, keys)
    _all_moved(outs)
    before = _published_for(10, keys)
    for broker in all_brokers.values():
        broker.proxy.cut()
    away = _published_for(_AWAY_SECONDS, keys)
    assert all(Connector.objects.values_list("error", flat=True))
    for broker in all_brokers.values():
        broker.proxy.mend()
    seconds = _all_moved(outs)
    for name, said in {"before_ms": before, "away_ms": away, **seconds}.items():
        record_property(name, round(said, 2))
    for name, out in outs.items():
        assert first_time(all_brokers[name].received(out.to)) == logged(), name
    assert away <= 1.5 * before + 2


def _all_moved(outs: dict[str, Outlet]) -> dict[str, float]:
    """Wait until each has handed on all; after how many seconds it had."""
    began, newest = time.monotonic(), Event.objects.latest("position").position
    there: dict[str, float] = {}

    def look() -> bool:
        rows = Connector.objects.filter(position__gte=newest).values_list("pk", flat=True)
        for name, out in outs.items():
            if out.name in rows:
                there.setdefault(name, time.monotonic() - began)
        return len(there) == len(outs)

    try:
        eventually(look, within=_CATCH_UP_SECONDS, every=0.2)
    except AssertionError as error:
        behind = Connector.objects.filter(position__lt=newest)
        told = list(behind.values_list("name", "position", "failures", "error", "last_error"))
        raise AssertionError(f"Behind {newest}: {told}") from error
    return there
