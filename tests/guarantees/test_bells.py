"""Redis only rings the bell: a lost, late or doubled bell changes nothing but latency."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection

from flowdeck import Draft, publish
from flowdeck.bells import bell
from flowdeck.declare.registry import registry
from flowdeck.engine import drain, lanes
from flowdeck.models import Delivery, Event
from tests.polling import eventually
from tests.probe.events import Probed
from tests.probe.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = django_settings.CELERY_TASK_DEFAULT_QUEUE


@pytest.fixture(autouse=True)
def _working_bell(empty_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "breaker", bell.Breaker())


def rung(broker: redis.Redis, processor: str) -> int:
    """How often the bell of ``processor`` rings in the broker."""
    bell.Clearing("nobody").done()  # on the line that bells go: what was sent before has arrived
    return sum(f'[\\"{processor}\\"]' in text for text in messages(broker))


def messages(broker: redis.Redis) -> list[str]:
    """All messages of the broker, with their bodies readable."""
    found = [json.loads(raw) for raw in broker.lrange(QUEUE, 0, -1)]
    return [json.dumps(base64.b64decode(message["body"]).decode()) for message in found]


def test_the_same_bell_a_hundred_times_at_once() -> None:
    for n in range(40):
        publish(Probed(n=n, echoes=1), stream=f"probe-{n % 4}")

    def answered(_: int) -> None:
        try:
            drain.answer_bell("probe.atomic")
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as workers:
        list(workers.map(answered, range(100)))
    drain.answer_bell("probe.atomic")  # whoever ran out of time has rung for another
    assert set(Delivery.objects.filter(processor="probe.atomic").values_list("state")) == {
        ("done",)
    }
    assert Event.objects.filter(type="Echoed", producer="probe.atomic").count() == 40
    for n in range(4):
        handled = Effect.objects.filter(stream=f"probe-{n}").order_by("id")
        assert [effect.sequence for effect in handled] == list(range(1, 11))


def test_a_burst_of_commits_costs_one_message(empty_redis: redis.Redis) -> None:
    for n in range(20):
        publish(Probed(n=n), stream="probe-1")
    assert rung(empty_redis, "probe.atomic") == 1


def test_a_full_batch_calls_another_worker_if_other_lanes_may_be_left(
    empty_redis: redis.Redis,
) -> None:
    processor = replace(registry.processor("probe.atomic"), batch_size=4)
    events = [Probed(n=n) for n in range(40)]
    for streams, calls in ((1, 0), (100, 1)):  # of one key only one worker can do the work
        publish(*[Draft(e, stream=f"probe-{e.n % streams}") for e in events])
        empty_redis.flushdb()
        assert drain.drain(processor, seconds=60) == len(events)
        assert rung(empty_redis, "probe.atomic") == calls


def test_a_bell_says_the_same_whoever_sends_it(
    empty_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis by itself where it is the broker too, else Kombu."""
    assert bell.ring(["probe.atomic"])
    monkeypatch.setattr("flowdeck.bells.messages.shares_broker", lambda url: False)
    assert bell.ring(["probe.atomic"])
    assert rung(empty_redis, "probe.atomic") == 1  # it rings already, for both
    empty_redis.delete("flowdeck:bell:probe.atomic")
    assert bell.ring(["probe.atomic"])
    kombus, ours = (json.loads(raw) for raw in empty_redis.lrange(QUEUE, 0, -1))
    for message in (kombus, ours):
        message["body"] = json.loads(base64.b64decode(message["body"]))
        number = message["headers"].pop("id")
        assert number == message["headers"].pop("root_id")
        assert number == message["properties"].pop("correlation_id")
        assert message["properties"].pop("delivery_tag")
    assert ours == kombus


def test_a_bell_that_nobody_answers_can_be_rung_again_after_a_while(
    empty_redis: redis.Redis,
) -> None:
    publish(Probed(n=1), stream="probe-1")
    keys = list(empty_redis.scan_iter("flowdeck:bell:*"))
    assert keys
    assert all(0 < empty_redis.pttl(key) <= 2000 for key in keys)


def test_a_commit_while_the_bell_is_answered_rings_again(
    empty_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have come too late for this drain, so it needs an answer of its own."""
    publish(Probed(n=1), stream="probe-1")
    real: Callable[..., Any] = lanes.claim

    def commits_meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(lanes, "claim", real)
        publish(Probed(n=2), stream="probe-1")
        return None

    monkeypatch.setattr(lanes, "claim", commits_meanwhile)
    drain.answer_bell("probe.atomic")
    assert rung(empty_redis, "probe.atomic") == 2


def test_a_commit_that_still_found_the_bell_ringing_is_not_missed(
    empty_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis is not waited for before the first look, so there is a second one."""
    real: Callable[..., Any] = lanes.claim
    empty_redis.set("flowdeck:bell:probe.atomic", 1)

    def too_early(*args: Any) -> Any:
        monkeypatch.setattr(lanes, "claim", real)
        eventually(lambda: not empty_redis.exists("flowdeck:bell:probe.atomic"))
        for processor in registry.processors:
            empty_redis.set(f"flowdeck:bell:{processor}", 1)
        publish(Probed(n=1), stream="probe-1")
        assert rung(empty_redis, "probe.atomic") == 0
        return None

    monkeypatch.setattr(lanes, "claim", too_early)
    drain.answer_bell("probe.atomic")
    assert Delivery.objects.get(processor="probe.atomic").state == "done"


def test_a_bell_rings_although_its_connection_was_closed_meanwhile(
    empty_redis: redis.Redis,
) -> None:
    """A restart of Redis, or its limit for idle clients: no bell is written into the void."""
    for _ in range(3):
        assert bell.ring(["probe.atomic"])
        assert rung(empty_redis, "probe.atomic") == 1
        empty_redis.client_kill_filter(_type="normal", skipme=True)
        empty_redis.flushdb()
    assert bell.breaker.failures == 0


def test_each_process_has_a_line_of_its_own(empty_redis: redis.Redis) -> None:
    """A fork that spoke on its parent's would take the answers of the parent."""
    assert bell.ring(["probe.atomic"])
    if (child := os.fork()) == 0:
        os._exit(0 if bell.ring(["probe.leased"], wait=True) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert rung(empty_redis, "probe.leased") == 1
    assert bell.ring(["probe.batch"], wait=True)
    assert rung(empty_redis, "probe.batch") == 1
    assert bell.breaker.failures == 0


@pytest.fixture
def hung_redis(settings: Any) -> Iterator[list[socket.socket]]:
    """A Redis that takes connections and never answers; yields the connections it took."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    taken.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        settings.FLOWDECK = {
            **settings.FLOWDECK,
            "REDIS_URL": f"redis://127.0.0.1:{listener.getsockname()[1]}",
        }
        yield taken
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    for client in taken:
        client.close()


def test_a_redis_that_hangs_costs_a_burst_of_commits_one_time_out(
    hung_redis: list[socket.socket],
) -> None:
    for n in range(5):
        publish(Probed(n=n), stream="probe-1")
    assert Event.objects.count() == 5
    assert len(hung_redis) == 1
    assert bell.breaker.failures == 1


def test_a_redis_that_is_gone_is_no_error_of_whoever_publishes(settings: Any) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "REDIS_URL": "redis://127.0.0.1:1"}
    publish(Probed(n=1), stream="probe-1")
    assert bell.breaker.failures == 1
    drain.answer_bell("probe.atomic")
    assert Delivery.objects.get(processor="probe.atomic").state == "done"
