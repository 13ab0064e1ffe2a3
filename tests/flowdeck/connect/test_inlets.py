"""What inlets do whatever the broker: here it is Redis."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent as Official

from flowdeck import Draft, inlet, outlet, parse, publish
from flowdeck.connect import brokers, connectors, control, intake, relay
from flowdeck.connect.cloudevent import Unreadable, read
from flowdeck.connect.envelope import messages
from flowdeck.connect.mapping import inlets
from flowdeck.connect.outlets import outlets
from flowdeck.connect.standing import standings
from flowdeck.declare.registry import registry
from flowdeck.errors import BrokerAway, RegistrationError, RewindRefused
from flowdeck.letters import dead_letters
from flowdeck.log.append import read_log
from flowdeck.models import Attempt, Due, Event, InletOffset
from flowdeck.privacy import forgetting
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.flowdeck.connect.brokers import Redis
from tests.flowdeck.connect.declared import INLET, Make, MakeIn, mapped, put, taken_in
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_letter_is_taken_in_once_the_code_can_read_it(
    broker: Redis, make_in: MakeIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_in()
    put(broker, source.source, 1, type="hated")
    intake.run_once(source)
    settle()
    assert Attempt.objects.get().message == "We don't like it."
    letter = Due.objects.get(state="dead")
    loved = inlet(INLET, broker="probe", source=source.source)
    loved(lambda message: Draft(parse("Probed", message.data), stream="loved"))
    registry.processors.pop(INLET)
    loved(inlets[INLET].mapping)
    dead_letters.retry([letter.letter], by="olga")
    settle()
    assert taken_in() == [1]
    event = Event.objects.get(type="Probed")
    assert event.causation_id == Event.objects.get(type="MessageRefused").id
    control.rewind(INLET, 0, by="olga", reason="all again")
    intake.run_once(source)
    settle()
    assert taken_in() == [1]
    assert list(verify()) == []


def test_what_the_log_refuses_spoils_no_other_message(broker: Redis, make_in: MakeIn) -> None:
    source = make_in()
    put(broker, source.source, 1)
    put(broker, source.source, 2, subject="white space")
    put(broker, source.source, 3)
    assert intake.run_once(source) == 3
    assert taken_in() == [1, 3]
    assert "stream name" in Event.objects.get(type="MessageRefused").data["reason"]


def test_the_bytes_of_a_letter_can_be_forgotten(broker: Redis, make_in: MakeIn) -> None:
    source = make_in()
    broker.put(source.source, {"who": "Ada"}, b"ada@example.org")
    intake.run_once(source)
    event = Event.objects.get()
    assert "Ada" not in json.dumps(event.data["headers"]["$key"])
    assert event.data["body"].keys() == event.data["headers"].keys() == {"$sealed", "$key"}
    (stored,) = read_log()
    assert stored.payload["headers"]["who"] == "Ada"
    forgetting.forget(event.data["message"], by="olga", reason="asked for it")
    (stored,) = read_log()
    assert (stored.payload["body"], stored.payload["headers"]) == ("", {})


def test_a_message_too_large_to_keep_says_so(broker: Redis, make_in: MakeIn) -> None:
    source = make_in()
    broker.put(source.source, {"specversion": "1.0"}, b"x" * 400_000)
    intake.run_once(source)
    settle()
    event = Event.objects.get()
    assert (event.data["size"], event.data["whole"]) == (400_000, False)
    assert "a part was kept" in Attempt.objects.get().message


def test_an_inlet_starts_again_from_the_beginning_and_doubles_nothing(
    broker: Redis, make_in: MakeIn
) -> None:
    source = make_in()
    put(broker, source.source, 1)
    intake.run_once(source)
    with pytest.raises(RewindRefused, match="to 0"):
        control.rewind(INLET, 5, by="olga", reason="no")
    control.rewind(INLET, 0, by="olga", reason="all again")
    assert not InletOffset.objects.exists()
    put(broker, source.source, 2)
    assert intake.run_once(source) == 2
    assert taken_in() == [1, 2]
    (standing,) = standings()
    assert (standing.is_inlet, standing.place, standing.moved) == (True, source.source, 3)
    assert connectors.runnable() == [INLET]


def test_what_goes_round_over_a_broker_ends(broker: Redis, make_in: MakeIn, settings: Any) -> None:
    source = make_in()
    settings.FLOWDECK = {**settings.FLOWDECK, "MAX_HOPS": 3}
    out = outlet("probe-round", broker="probe", to=source.source, types=[Probed])
    try:
        publish(Probed(n=1), stream="a")
        for _ in range(6):
            relay.run_once(out)
            intake.run_once(source)
    finally:
        outlets.pop("probe-round")
        registry.remove_processor("probe-round")
    assert [one.hops for one in read_log() if one.type == "Probed"] == [0, 1, 2, 3]
    assert "gone round" in Event.objects.get(type="MessageRefused").data["reason"]


def test_the_official_sdk_reads_ours_and_we_its(settings: Any) -> None:
    publish(Probed(n=7, by="é"), stream="a")
    (event,) = read_log()
    (ours,) = messages("to", "masked", [event])
    headers = {name: value.encode() for name, value in ours.headers("ce_")}
    headers["content-type"] = b"application/json"
    theirs = from_kafka_event(KafkaMessage(headers, ours.key, ours.data.encode()))
    assert theirs.get_id() == str(event.id)
    assert theirs.get_data() == event.payload
    assert theirs.get_extension("orderkey") == "a"
    made = to_binary_event(Official({"type": "t", "source": "/s", "id": "1"}, {"n": 1}))
    given = {
        name.removeprefix("ce_"): value.decode() if isinstance(value, bytes) else value
        for name, value in made.headers.items()
    }
    body = made.value if isinstance(made.value, bytes) else made.value.encode()
    message = read(given, body)
    assert (message.id, message.source, message.type, message.data) == ("1", "/s", "t", {"n": 1})


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        ({}, b"{}", "specversion"),
        ({"specversion": "0.3", "id": "1"}, b"{}", "'0.3'"),
        ({"specversion": "1.0", "id": "", "source": "s", "type": "t"}, b"", "id"),
        ({"specversion": "1.0", "id": "i", "source": "s" * 501, "type": "t"}, b"", "source"),
        ({"specversion": "1.0", "id": "i", "source": "s", "type": "t"}, b"{", "no JSON"),
        ({"specversion": "1.0", "content-type": "text/xml"}, b"<a/>", "text/xml"),
        ({"content-type": "application/cloudevents+json"}, b"[]", "no JSON object"),
        ({"specversion": "1.0", "id": "i", "source": "s", "type": "t", "time": "now"}, b"", "time"),
    ],
)
def test_what_is_no_cloudevent_is_refused(headers: dict[str, str], body: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read(headers, body)


def test_what_can_not_work_is_refused_where_it_is_declared() -> None:
    with pytest.raises(RegistrationError, match="source is empty"):
        inlet("wrong", broker="probe", source="")
    with pytest.raises(RegistrationError, match="batch must be"):
        inlet("wrong", broker="probe", source="x", batch=0)
    with pytest.raises(RegistrationError, match="a name is"):
        inlet("not a name", broker="probe", source="x")(mapped)


def test_a_socket_is_an_address_of_redis(settings: Any) -> None:
    url = "unix:///nowhere/redis.sock?maxlen=5"
    settings.FLOWDECK = {**settings.FLOWDECK, "BROKERS": {"probe": url}}
    with pytest.raises(BrokerAway, match=r"/nowhere/redis\.sock"):
        brokers.sender("probe")


def test_a_distributed_trace_goes_out_and_comes_in(make: Make, make_in: MakeIn) -> None:
    foreign = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    publish(Draft(Probed(n=1), stream="probe-1", traceparent=foreign))
    source = make_in()
    relay.run_once(make(to=source.source))
    assert intake.run_once(source) == 1
    assert [one.metadata["traceparent"] for one in Event.objects.all()] == [foreign, foreign]
