"""What every broker has to do as an inlet's end; RabbitMQ does it in ``tests/infra``."""

from __future__ import annotations

import os
from typing import Any
from uuid import UUID, uuid4

import pytest

from flowdeck.connect import intake, lease, taking
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
