"""What every broker has to do as an outlet's end; RabbitMQ does it in ``tests/infra``."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from typing import Any

import pytest
from django.db import connection

from flowdeck import publish
from flowdeck.connect import lease, relay
from flowdeck.declare.registry import registry
from flowdeck.engine import drain
from flowdeck.errors import BrokerAway
from flowdeck.letters import dead_letters
from flowdeck.models import Attempt, Connector, Due, Event
from tests.flowdeck.connect.brokers import Broker, Received
from tests.flowdeck.connect.declared import OUTLET, Make
from tests.guarantees.forked import in_a_process
from tests.polling import eventually
from tests.probe.events import Probed

SLOW = ("nats", "kafka", "sqs")  # to start, or to answer
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize(
        "broker",
        [
            "redis",
            "webhook",
            *(pytest.param(one, marks=pytest.mark.long) for one in (*SLOW, "sns")),
        ],
        indirect=True,
    ),
]


def first_time(received: list[Received]) -> dict[str, list[int]]:
    """By key the positions of what came, without what the receiver knew by its id."""
    known: set[str] = set()
    by_key = defaultdict(list)
    for one in received:
        if one.id not in known:
            known.add(one.id)
            by_key[one.key].append(one.position)
    return dict(by_key)


def logged() -> dict[str, list[int]]:
    by_key = defaultdict(list)
    events = Event.objects.filter(type="Probed").order_by("position")
    for key, position in events.values_list("key", "position"):
        by_key[key].append(position)
    return dict(by_key)


def published(*numbers: int, stream: str = "a", **words: Any) -> None:
    publish(*[Probed(n=n, **words) for n in numbers], stream=stream)


def test_a_message_is_a_cloudevent_of_the_event(broker: Broker, make: Make) -> None:
    out = make()
    published(7, by="é")
    assert relay.run_once(out) == 1
    (event,) = Event.objects.all()
    (one,) = broker.received(out.to)
    assert one.attributes["specversion"] == "1.0"
    assert (one.id, one.attributes["type"]) == (str(event.id), "Probed")
    assert (one.key, one.position, one.attributes["subject"]) == ("a", event.position, "a")
    assert one.attributes["correlationid"] == str(event.correlation_id)
    assert one.data == event.data
    row = Connector.objects.get()
    assert (row.position, row.moved, row.token) == (event.position, 1, None)
    assert relay.run_once(out) == 0


def test_order_per_key_with_four_publishers(broker: Broker, make: Make) -> None:
    out, ended = make(), threading.Event()

    def work(number: int) -> None:
        try:
            for n in range(40):
                published(n, stream=f"k{(n + number) % 7}")
        finally:
            connection.close()

    def follow() -> None:
        try:
            relay.run(out, ended)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    relaying = threading.Thread(target=follow)
    for one in (relaying, *threads):
        one.start()
    for one in threads:
        one.join()
    eventually(lambda: Connector.objects.filter(moved=160).exists())
    ended.set()
    relaying.join()
    received = broker.received(out.to)
    assert len(received) == 160
    assert first_time(received) == logged()


def test_a_broker_that_is_away_is_caught_up_with_in_order(broker: Broker, make: Make) -> None:
    out = make()
    published(1, 2)
    relay.run_once(out)
    broker.proxy.cut()
    published(3, 4)
    with pytest.raises(BrokerAway):
        relay.run_once(out)
    row = Connector.objects.get()
    assert (row.failures, bool(row.error), row.token) == (1, True, None)
    published(5)
    broker.proxy.mend()
    relay.run_once(out)
    assert first_time(broker.received(out.to)) == logged()
    row = Connector.objects.get()
    assert (row.failures, row.error, bool(row.last_error)) == (0, "", True)


def test_swallowed_confirmations_lose_nothing(broker: Broker, make: Make) -> None:
    out = make()
    published(*range(30))
    broker.proxy.swallow(20, b"Probed")
    tries = 0
    while Connector.objects.filter(moved=30).count() == 0:
        tries += 1
        assert tries < 100
        try:
            relay.run_once(out)
        except BrokerAway:
            continue
    assert broker.proxy.swallowed == 20
    assert first_time(broker.received(out.to)) == logged()


def test_a_relay_killed_before_it_wrote_repeats_a_batch(
    broker: Broker, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = make()
    monkeypatch.setattr(relay, "MOST", 5)
    published(*range(25))

    def killed() -> None:
        real, calls = lease.Lease.keep, []

        def keep(self: lease.Lease, position: int, moved: int) -> None:
            calls.append(position)
            if len(calls) == 2:
                os.kill(os.getpid(), 9)
            real(self, position, moved)

        monkeypatch.setattr(lease.Lease, "keep", keep)
        relay.run_once(out)

    assert in_a_process(killed) == -9
    assert Connector.objects.get().moved == 5
    assert relay.run_once(out) == 0  # its lease lasts
    Connector.objects.update(lease_expires_at="2020-01-01T00:00Z")
    relay.run_once(out)
    received = broker.received(out.to)
    assert first_time(received) == logged()
    assert len(received) <= 30


def test_what_is_too_large_becomes_a_dead_letter_and_holds_its_key(
    broker: Broker, make: Make
) -> None:
    out = make(options="largest=2000")
    published(1)
    published(2, by="x" * 3000)
    published(3)
    published(4, stream="b")
    relay.run_once(out)
    assert {one.data["n"] for one in broker.received(out.to)} == {1, 4}
    letter = Due.objects.get(state="dead")
    assert (letter.processor, letter.key, letter.attempts) == (OUTLET, "a", 1)
    attempt = Attempt.objects.get()
    assert attempt.error == "MessageTooLarge"
    assert "the broker takes 2,000" in attempt.message
    published(5)
    relay.run_once(out)  # its key waits still, although this is another relay
    dead_letters.discard([letter.letter], by="olga", reason="no use for it")
    drain.drain(registry.processor(OUTLET))
    published(6)
    relay.run_once(out)
    in_order = [one.data["n"] for one in broker.received(out.to) if one.key == "a"]
    assert in_order == [1, 3, 5, 6]


def test_what_the_broker_refuses_becomes_a_dead_letter(broker: Broker, make: Make) -> None:
    out = make(to=broker.closed)
    published(1, 2)
    published(3, stream="b")
    assert relay.run_once(out) == 0
    rows = Due.objects.filter(processor=OUTLET).order_by("event_id")
    assert rows.count() == 3
    assert set(rows.values_list("state", flat=True)) <= {"dead", "pending"}
    assert rows[0].state == "dead"
    assert Connector.objects.get().position == Event.objects.order_by("-position")[0].position


def test_a_relay_frozen_past_its_lease_moves_nothing(
    broker: Broker, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = make()
    published(1, 2)
    frozen, go_on, said = threading.Event(), threading.Event(), []
    real = relay.Relay._sorted_out

    def freeze(self: relay.Relay, *arguments: Any) -> Any:
        if threading.current_thread().name == "frozen":
            frozen.set()
            assert go_on.wait(60)
        return real(self, *arguments)

    def work() -> None:
        try:
            relay.run(out, threading.Event())
            said.append("lost its lease")
        finally:
            connection.close()

    monkeypatch.setattr(relay.Relay, "_sorted_out", freeze)
    thread = threading.Thread(target=work, name="frozen")
    thread.start()
    assert frozen.wait(60)
    Connector.objects.update(lease_expires_at="2020-01-01T00:00Z")
    assert relay.run_once(out) == 2
    published(3)
    assert relay.run_once(out) == 1
    position = Connector.objects.get().position
    go_on.set()
    thread.join(60)
    assert said == ["lost its lease"]
    assert Connector.objects.get().position == position
    assert first_time(broker.received(out.to)) == logged()
