"""CloudEvents over HTTP, in and out."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent as Official
from django.db import connection
from django.http import HttpResponse

from flowdeck import publish
from flowdeck.api import budget, following
from flowdeck.models import ApiToken, AuditEntry, Event
from flowdeck.people import tokens
from tests.flowdeck.api.conftest import Caller, person
from tests.probe.events import Introduced, Probed
from tests.under_way import open_transaction

pytestmark = pytest.mark.django_db(transaction=True)
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


@pytest.fixture
def sender() -> Caller:
    return Caller(person("ida", "admin"))


def sent(caller: Caller, body: Any, kind: str = STRUCTURED, **headers: str) -> HttpResponse:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return caller.client.post(
        "/api/v1/events", text, content_type=kind, headers={**caller.headers, **headers}
    )


def event(n: int = 1, **more: Any) -> dict[str, Any]:
    known = {"specversion": "1.0", "id": f"id-{n}", "source": "/crm", "type": "Probed"}
    return {**known, "subject": "a", "data": {"n": n}, **more}


def test_the_official_sdk_sends_in_both_forms(sender: Caller) -> None:
    given = {"type": "Probed", "source": "/crm", "subject": "straße 1".replace(" ", "-")}
    for number, made in enumerate((to_binary_event, to_structured_event)):
        message = made(Official({**given, "id": str(number)}, {"n": number}))
        headers = {k: v for k, v in message.headers.items() if k.lower() != "content-type"}
        kinds = [v for k, v in message.headers.items() if k.lower() == "content-type"]
        kind = kinds[0] if kinds else "application/json"
        answer = sent(sender, message.body, kind, **headers)
        assert answer.status_code == 200, answer.content
        assert answer.json()[0]["known"] is False
    stored = Event.objects.order_by("position")
    assert [(one.stream, one.data["n"]) for one in stored] == [("straße-1", 0), ("straße-1", 1)]
    assert {one.producer for one in stored} == {"http.ida"}


def test_what_is_sent_twice_is_there_once(sender: Caller) -> None:
    first = sent(sender, [event(1), event(2)], BATCH).json()
    again = sent(sender, [event(2), event(3), event(3)], BATCH).json()
    assert [one["known"] for one in again] == [True, False, True]
    assert again[0]["position"] == first[1]["position"]
    assert Event.objects.count() == 3
    other = sent(sender, event(3, subject="b"))
    assert other.status_code == 409
    assert "used before" in other.json()["detail"]


def test_two_that_send_the_same_at_once_both_hear_where_it_is(sender: Caller) -> None:
    answers: list[Any] = []

    def send() -> None:
        try:
            answers.append(sent(sender, [event(n) for n in range(20)], BATCH).json())
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    places = [[one["position"] for one in answer] for answer in answers]
    assert places[0] == places[1] == places[2]
    assert Event.objects.count() == 20


def test_a_batch_is_taken_whole_or_not_at_all(sender: Caller) -> None:
    for wrong, why in [
        (event(2, data={"n": "x"}), "does not fit"),
        (event(2, type="Nonsense"), "not declared"),
        (event(2, subject=""), "stream"),
        (event(2, dataversion="7"), "version 7"),
        ({"specversion": "1.0"}, "id"),
    ]:
        answer = sent(sender, [event(1), wrong], BATCH)
        assert answer.status_code == 422
        assert why in answer.json()["detail"]
    assert sent(sender, [], BATCH).status_code == 422
    assert sent(sender, [event(n) for n in range(501)], BATCH).status_code in (413, 422)
    assert not Event.objects.exists()


def test_a_trace_goes_on(sender: Caller) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    sent(sender, event(1), traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    assert Event.objects.get().correlation_id.hex == trace


def test_who_may_send_what(sender: Caller) -> None:
    viewer = Caller(person("vera", "viewer"))
    assert sent(viewer, event(1)).status_code == 403
    admin = sender.user
    narrow = Caller(None)
    token = tokens.issue(admin, scope=ApiToken.Scope.SEND, types=["Introduced"])
    narrow.headers["Authorization"] = f"Bearer {token}"
    refused = sent(narrow, event(1))
    assert refused.status_code == 403
    assert "may send Introduced" in refused.json()["detail"]
    assert narrow.get("/events").status_code == 403
    assert narrow.post("/dead-letters/retries", {"letters": [1]}).status_code == 403
    introduced = event(2, type="Introduced", data={"user_id": 1})
    assert sent(narrow, introduced).status_code == 200
    assert AuditEntry.objects.filter(allowed=False, action="publish_events").count() == 2


def told(answer: HttpResponse) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode()
    blocks = [block.splitlines() for block in text.split("\n\n") if block]
    return [dict(line.split(": ", 1) for line in block) for block in blocks]


@pytest.mark.postgres  # on SQLite nobody appends before the other has committed
def test_a_stream_from_now_on_has_what_commits_late() -> None:
    viewer = Caller(person("vera", "viewer"))
    with open_transaction(lambda: publish(Probed(n=1), stream="late")) as commit:
        publish(Probed(n=2), stream="early")
        follower = following._Follower(following._from_now_on(), ())
        commit()
    assert "late" in (follower.next() or "")
    assert viewer.get("/events/stream").status_code == 200


def test_what_goes_round_over_http_ends(sender: Caller) -> None:
    sent(sender, event(1))
    first = Event.objects.get()
    assert first.metadata["hops"] == 1
    sent(sender, event(2, hops=str(first.metadata["hops"])))
    assert Event.objects.latest("position").metadata["hops"] == 2
    answer = sent(sender, event(3, hops="100"))
    assert answer.status_code == 422
    assert "gone round" in answer.json()["detail"]


def test_the_stream_gives_what_is_behind_a_position_and_goes_on_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer = Caller(person("vera", "viewer"))
    first, second = publish(Probed(n=1), Probed(n=2), stream="a").positions
    publish(Introduced(user_id=1, email="ada@example.org"), stream="b")
    all_of = told(viewer.get("/events/stream", after=first))
    assert [one.get("event") for one in all_of] == [None, "Probed", "Introduced", None]
    assert json.loads(all_of[1]["data"])["data"]["n"] == 2
    assert json.loads(all_of[2]["data"])["data"]["email"] == "••••"
    answer = viewer.client.get(
        "/api/v1/events/stream?type=Introduced",
        headers={**viewer.headers, "Last-Event-ID": str(second)},
    )
    assert answer["Content-Type"] == "text/event-stream"
    assert [one["event"] for one in told(answer) if "event" in one] == ["Introduced"]
    monkeypatch.setattr(budget, "BUDGET", 1)  # whatever the size, an event a part
    assert [one.get("event") for one in told(viewer.get("/events/stream", after=first))] == [
        None,
        "Probed",
        None,
        "Introduced",
        None,
    ]
    last = all_of[-1]["id"]
    assert [one for one in told(viewer.get("/events/stream", after=last)) if "id" in one] == []
    assert Caller(person("ada")).get("/events/stream").status_code == 403
