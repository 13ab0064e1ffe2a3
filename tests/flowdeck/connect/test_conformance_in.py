"""What every broker has to do as an inlet's end; RabbitMQ does it in ``tests/infra``."""

from __future__ import annotations

import os
import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from flowdeck.connect import brokers, control, intake, lease, taking
from flowdeck.errors import BrokerAway
from flowdeck.models import Connector, Due, Event
from flowdeck.testing import settle
from tests.flowdeck.connect.brokers import Broker
from tests.flowdeck.connect.declared import INLET, MakeIn, put, taken_in
from tests.flowdeck.connect.test_conformance import SLOW
from tests.guarantees.forked import in_a_process
from tests.polling import eventually

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize(
        "broker",
        ["redis", *(pytest.param(one, marks=pytest.mark.long) for one in SLOW)],
        indirect=True,
    ),
]


def test_a_message_becomes_an_event_once(broker: Broker, make_in: MakeIn) -> None:
    source = make_in()
    trace = uuid4()
    put(broker, source.source, 1, time="2026-11-30T10:00:00Z", correlationid=str(trace))
    put(broker, source.source, 2, traceparent=f"00-{trace.hex}-00f067aa0ba902b7-01")
    put(broker, source.source, 1)  # once more, by a sender that heard no answer
    put(broker, source.source, 4, type="other")
    assert intake.run_once(source) == 4
    assert taken_in() == [1, 2]
    first, second = Event.objects.filter(type="Probed").order_by("position")
    assert (first.stream, first.producer) == ("a", INLET)
    assert first.occurred_at.isoformat() == "2026-11-30T10:00:00+00:00"
    assert (first.correlation_id, second.correlation_id) == (trace, trace)
    assert first.causation_id is None
    assert intake.run_once(source) == 0
    put(broker, source.source, 5)
    assert intake.run_once(source) == 1
    assert taken_in() == [1, 2, 5]


@pytest.mark.parametrize("step", ["receive", "keep", "append", "commit", "done"])
def test_an_intake_killed_anywhere_loses_and_doubles_nothing(
    broker: Broker, make_in: MakeIn, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_in(batch=4)
    for n in range(10):
        put(broker, source.source, n)

    def killed() -> None:
        _die_after(step, monkeypatch)
        intake.run_once(source)

    assert in_a_process(killed) == -9
    Connector.objects.update(lease_expires_at=None, token=None)
    broker.give_back()
    eventually(lambda: intake.run_once(source) == 0 and len(taken_in()) >= 10)
    assert sorted(taken_in()) == list(range(10))


def _die_after(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time that a step has been done."""
    owner, name = {
        "receive": (intake.Intake, "_take_in"),
        "keep": (lease.Lease, "keep"),
        "append": (taking, "append"),
        "commit": (intake.Intake, "_commit"),
        "done": (intake.Intake, "_count"),
    }[step]
    real, calls = getattr(owner, name), []

    def dies(*arguments: Any) -> Any:
        calls.append(1)
        if step == "receive" and len(calls) == 2:
            os.kill(os.getpid(), 9)
        answer = real(*arguments)
        if len(calls) == 2:
            os.kill(os.getpid(), 9)
        return answer

    monkeypatch.setattr(owner, name, dies)


def test_all_that_is_delivered_again_is_known(
    broker: Broker, make_in: MakeIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, real = make_in(), brokers.receiver

    def tells_nobody(*arguments: Any) -> Any:
        receiver = real(*arguments)
        receiver.done = lambda: None  # type: ignore[method-assign]
        return receiver

    for n in range(20):
        put(broker, source.source, n, subject=f"s{n}")  # of one in hand SQS gives no more
    with monkeypatch.context() as patched:
        patched.setattr(brokers, "receiver", tells_nobody)
        intake.run_once(source)
    assert sorted(taken_in()) == list(range(20))
    broker.give_back()
    control.rewind(INLET, 0, by="olga", reason="all again")
    Connector.objects.update(moved=0)
    eventually(lambda: intake.run_once(source) == 0 and Connector.objects.get().moved >= 20)
    assert Connector.objects.get().moved == 20
    assert sorted(taken_in()) == list(range(20))


def test_intakes_that_take_over_in_the_middle_lose_and_double_nothing(
    broker: Broker, make_in: MakeIn
) -> None:
    """As a rebalance does it elsewhere: whoever reads is not told, and reads on for a while."""
    source, ended, begun = make_in(batch=5), threading.Event(), list[int]()

    def work(number: int) -> None:
        try:
            while not ended.wait(0.01):
                if intake.run(source, ended):
                    begun.append(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    intake.create(source)
    for one in threads:
        one.start()
    try:
        for n in range(40):
            put(broker, source.source, n)
            if n % 10 == 5:
                _hand_over()
        eventually(lambda: len(taken_in()) >= 40)
    finally:
        ended.set()
        for one in threads:
            one.join()
    assert sorted(taken_in()) == list(range(40))
    assert len(begun) >= 4  # so often somebody lost the lease


def _hand_over() -> None:
    """Let the lease run out until somebody else has it."""
    held = Connector.objects.filter(token__isnull=False)
    former = eventually(held.first).token

    def handed_over() -> bool:
        Connector.objects.filter(token=former).update(lease_expires_at="2020-01-01T00:00Z")
        return held.exclude(token=former).exists()

    eventually(handed_over)


def test_what_can_not_be_read_is_a_letter_with_its_bytes(broker: Broker, make_in: MakeIn) -> None:
    source = make_in()
    broker.put(source.source, {"specversion": "1.0", "id": "x"}, b"\xff\x00 no JSON")
    put(broker, source.source, 1, type="hated")
    broker.put(source.source, {"note": "what is this"}, b"{}")
    put(broker, source.source, 2)
    assert intake.run_once(source) == 4
    settle()
    assert taken_in() == [2]
    assert Due.objects.filter(processor=INLET, state="dead").count() == 3
    bodies = {one.data["reason"]: one.data for one in Event.objects.filter(type="MessageRefused")}
    assert len(bodies) == 3
    assert all(body["body"].keys() == {"$sealed", "$key"} for body in bodies.values())


def test_a_broker_that_comes_back_is_heard_again(broker: Broker, make_in: MakeIn) -> None:
    source = make_in()
    put(broker, source.source, 1)
    intake.run_once(source)
    broker.proxy.cut()
    with pytest.raises(BrokerAway):
        intake.run_once(source)
    assert Connector.objects.get().error
    broker.proxy.mend()
    put(broker, source.source, 2)
    intake.run_once(source)
    assert taken_in() == [1, 2]
    assert UUID(int=0) not in Event.objects.values_list("id", flat=True)
