"""What SQS and SNS have of their own; what all brokers do is in the conformance suites."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from flowdeck import publish
from flowdeck.connect import brokers, intake, relay
from flowdeck.connect.brokers import aws
from flowdeck.connect.messages import Outgoing
from flowdeck.models import Attempt, Connector, Due, Event
from tests.flowdeck.connect.aws import Moto
from tests.flowdeck.connect.declared import OUTLET, Make, MakeIn, put, taken_in
from tests.probe.events import Probed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("broker", ["sqs"], indirect=True),
]


def published(*numbers: int, stream: str = "a") -> None:
    publish(*[Probed(n=n) for n in numbers], stream=stream)


def test_what_is_sent_again_is_dropped_by_its_id(broker: Moto, make: Make) -> None:
    out = make()
    published(*range(12))
    published(12, stream="b")
    assert relay.run_once(out) == 13
    Connector.objects.update(position=0)  # as if nobody had written how far it was
    assert relay.run_once(out) == 13
    received = broker.received(out.to)
    assert len(received) == 13
    assert [one.data["n"] for one in received if one.key == "a"] == list(range(12))


def test_any_key_has_a_group(broker: Moto, make: Make) -> None:
    out = make()
    published(1, stream="plain")
    published(2, stream="é" * 40)
    relay.run_once(out)
    plain, other = sorted(broker.groups(out.to), key=len)
    assert plain == "plain"
    assert len(other) == 64


def test_what_is_behind_a_refused_message_is_not_sent(
    broker: Moto, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be known by its id when it is sent again behind it, and be dropped."""
    out, real = make(), aws.AwsSender._called

    def called(self: aws.AwsSender, to: str, entries: Any) -> Any:
        # It may be taken in part, which must not put one of a key before another.
        assert len({one["MessageGroupId"] for one in entries}) == len(entries)
        if '"n": 2' not in (text := str(entries)) and '"n":2' not in text:
            return real(self, to, entries)
        failed = [
            {"Id": one["Id"], "SenderFault": True, "Code": "InvalidMessageContents"}
            for one in entries
        ]
        return {"Failed": failed}

    monkeypatch.setattr(aws.AwsSender, "_called", called)
    published(1, 2, 3)
    published(4, stream="b")
    assert relay.run_once(out) == 2
    assert {one.data["n"] for one in broker.received(out.to)} == {1, 4}
    assert Attempt.objects.get().error == "InvalidMessageContents"
    rows = Due.objects.filter(processor=OUTLET).order_by("event_id")
    assert [one.state for one in rows] == ["dead", "pending"]


def test_queues_without_order_and_topics_that_are_read_are_refused(
    broker: Moto, make: Make, settings: Any
) -> None:
    out = make(to="plain-queue")
    published(1)
    assert relay.run_once(out) == 0
    assert Attempt.objects.get().error == "NotFifo"
    settings.FLOWDECK = {**settings.FLOWDECK, "BROKERS": {"probe": "sns://eu-central-1"}}
    with pytest.raises(ImproperlyConfigured, match="names no account"):
        brokers.sender("probe")
    with pytest.raises(ImproperlyConfigured, match="subscribe a queue"):
        brokers.receiver("probe", "a", "g", {})


def test_what_a_topic_hands_to_a_queue_is_taken_in(
    broker: Moto, make_in: MakeIn, settings: Any
) -> None:
    source, topics = make_in(), Moto("sns", broker.proxy, broker.port)
    topics.prepare(source.source)
    known = {**settings.FLOWDECK["BROKERS"], "topics": topics.url}
    settings.FLOWDECK = {**settings.FLOWDECK, "BROKERS": known}
    told = {"specversion": "1.0", "id": "id-7", "source": "/crm", "type": "told", "subject": "a"}
    sender = brokers.sender("topics")
    assert sender.send([Outgoing("id-7", source.source, "a", told, '{"n": 7}')]) == []
    sender.close()
    put(broker, source.source, 8)
    assert intake.run_once(source) == 2
    assert taken_in() == [7, 8]
    assert Event.objects.filter(type="MessageRefused").count() == 0
