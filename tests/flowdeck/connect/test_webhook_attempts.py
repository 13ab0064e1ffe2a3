"""What an outlet posts to a webhook is seen, try by try; people send a test, or an event again."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from flowdeck import publish
from flowdeck.connect import attempts, control, posts, relay
from flowdeck.declare.registry import registry
from flowdeck.engine import drain
from flowdeck.errors import BrokerAway
from flowdeck.models import AuditEntry, WebhookAttempt
from flowdeck.people import tokens
from tests.accounts import person, signed_in
from tests.flowdeck.connect.brokers import Webhook
from tests.flowdeck.connect.declared import OUTLET, Make
from tests.probe.events import Probed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("broker", ["webhook"], indirect=True),
]
PAGE = f"/connectors/{OUTLET}/attempts/"


@pytest.fixture
def operator() -> Client:
    return signed_in(person("operator"))


def words(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def published(n: int, stream: str = "a") -> int:
    return publish(Probed(n=n), stream=stream).positions[0]


def kept() -> list[tuple[int | None, int, int]]:
    rows = WebhookAttempt.objects.order_by("pk")
    return [(one.position, one.number, one.status) for one in rows]


def nexts() -> list[str]:
    return [str(one.next) for one in posts.shown(OUTLET)][::-1]


def test_each_attempt_is_seen_with_what_comes_next(
    broker: Webhook, make: Make, operator: Client
) -> None:
    assert operator.get("/connectors/none/attempts/").status_code == 404
    out = make()
    assert "Nothing was posted yet" in words(operator.get(PAGE))
    first = published(1)
    relay.run_once(out)
    broker.proxy.cut()
    second = published(2)
    for _ in range(2):
        with pytest.raises(BrokerAway):
            relay.run_once(out)
    assert kept() == [(first, 1, 204), (second, 1, 0), (second, 2, 0)]
    assert nexts() == ["nothing", "followed", "again"]
    control.pause(OUTLET, by="olga", reason="a test")
    assert nexts() == ["nothing", "followed", "paused"]
    control.resume(OUTLET, by="olga")
    broker.proxy.mend()
    relay.run_once(out)
    assert kept()[-1] == (second, 3, 204)
    shown = words(operator.get(PAGE))
    assert re.search(rf"{second:,} Probed 204 3 [\d.]+ µ?m?s nothing", shown), shown
    failed = words(operator.get(f"{PAGE}?failed=1"))
    assert "no answer" in failed
    assert "204" not in failed
    assert "was tried again" in failed


def test_what_the_receiver_refuses_is_a_dead_letter(
    broker: Webhook, make: Make, operator: Client
) -> None:
    out = make(to=Webhook.closed)
    at = published(1)
    relay.run_once(out)
    assert (kept(), nexts()) == ([(at, 1, 422)], ["letter"])
    number = WebhookAttempt.objects.get().pk
    assert "Retry the dead letter" in words(operator.get(f"{PAGE}?again={number}"))
    refused = operator.post(
        f"/connectors/{OUTLET}/again/", {"attempt": number, "reason": "once more"}
    )
    assert refused.status_code == 422
    assert "is a dead letter: retry it there" in words(refused)
    assert len(kept()) == 1


def test_deliveries_tell_of_their_attempts_too(broker: Webhook, make: Make) -> None:
    make(mode="deliveries")
    broker.proxy.cut()
    at = published(1)
    drain.drain(registry.processor(OUTLET))
    assert (kept(), nexts()) == ([(at, 1, 0)], ["again"])
    assert posts.shown(OUTLET)[0].again_at is not None


def test_a_test_is_signed_and_shows_what_was_answered(
    broker: Webhook, make: Make, operator: Client, settings: Any
) -> None:
    make(to=Webhook.talks)
    url = broker.url.replace("http://", "http://user:secret@")
    settings.FLOWDECK = {**settings.FLOWDECK, "BROKERS": {"probe": url}}
    answer = operator.post(f"/connectors/{OUTLET}/test/", follow=True)
    (got,) = broker.received(Webhook.talks)[-1:]  # whoever did not sign gets no answer there
    assert (got.attributes["type"], got.data) == (posts.TEST_TYPE, {"outlet": OUTLET})
    row = WebhookAttempt.objects.get()
    assert (row.status, row.position, row.asked_by) == (200, None, "operator")
    assert len(row.said) == attempts.LONGEST_SAID - len("Basic dXNlcjpzZWNyZXQ=") + len("Basic …")
    shown = answer.content.decode()
    assert "&lt;b&gt;thanks&lt;/b&gt;" in shown
    assert "dXNlcjpzZWNyZXQ=" not in shown, "the receiver repeats our rights"
    settings.FLOWDECK = {**settings.FLOWDECK, "WEBHOOK_NETWORKS": ()}
    answer = operator.post(f"/connectors/{OUTLET}/test/", follow=True)
    assert "inside of the network, where webhooks may not go" in words(answer)
    entries = AuditEntry.objects.values_list("action", "target", "allowed")
    assert list(entries) == [("test", f"connector {OUTLET}", True)] * 2


def test_an_event_goes_out_again_with_its_id_for_a_reason(
    broker: Webhook, make: Make, operator: Client
) -> None:
    out = make()
    at = published(1)
    relay.run_once(out)
    path, number = f"/connectors/{OUTLET}/again/", WebhookAttempt.objects.get().pk
    assert operator.post(path, {"attempt": number, "reason": " "}).status_code == 422
    form = {"attempt": number, "reason": "they lost it", "once": "k"}
    for _ in range(2):  # a double click
        assert operator.post(path, form).status_code == 302
    assert kept() == [(at, 1, 204), (at, 2, 204)]
    assert len({one.id for one in broker.received(out.to)}) == 1
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason) == ("send again", "they lost it")
    assert entry.target == f"connector {OUTLET} event {at}"
    assert operator.post(path, {"attempt": number + 9, "reason": "x"}).status_code == 404


def test_who_may_only_look_is_told_so(broker: Webhook, make: Make) -> None:
    out = make()
    published(1)
    relay.run_once(out)
    number, viewer = WebhookAttempt.objects.get().pk, signed_in(person("viewer"))
    shown = words(viewer.get(f"{PAGE}?again={number}"))
    assert shown.count("you need the permission") == 2
    for verb in ("test", "again"):
        form = {"attempt": number, "reason": "x"}
        assert viewer.post(f"/connectors/{OUTLET}/{verb}/", form).status_code == 403
    assert len(kept()) == 1
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person("operator", "olga"))
    assert strict.post(f"/connectors/{OUTLET}/test/").status_code == 403


def test_the_api_and_the_command_do_the_same(broker: Webhook, make: Make) -> None:
    out = make()
    at = published(1)
    relay.run_once(out)
    later = published(2)
    client = Client(headers={"Authorization": f"Bearer {tokens.issue(person('operator'))}"})
    path = f"/api/v1/connectors/{OUTLET}"

    def post(verb: str, **body: object) -> tuple[int, dict[str, Any]]:
        answer = client.post(f"{path}/{verb}", json.dumps(body), "application/json")
        return answer.status_code, answer.json()

    def said(*given: str) -> str:
        out = io.StringIO()
        call_command("flowdeck", "connectors", *given, "--as", "operator", stdout=out)
        return out.getvalue()

    (row,) = client.get(f"{path}/attempts").json()
    assert (row["position"], row["status"], row["next"]) == (at, 204, "nothing")
    assert client.get(f"{path}/attempts?failed=true").json() == []
    assert post("test")[1]["status"] == 204
    assert post("again", position=at, reason="lost")[1]["attempt"] == 2
    assert post("again", position=later, reason="lost") == (
        422,
        {"detail": f"{OUTLET} has yet to send {later:,}: it comes by itself."},
    )
    assert post("again", position=later + 9, reason="lost")[0] == 422
    assert client.get("/api/v1/connectors/none/attempts").status_code == 404
    assert "test, attempt 1: 204" in said("test", OUTLET)
    again = said("again", OUTLET, "--event", str(at), "--reason", "lost")
    assert f"{at:,} Probed, attempt 3: 204" in again
    assert said("attempts", OUTLET).count("204") == 5


def test_the_newest_are_kept(broker: Webhook, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    out = make()
    for n in range(4):
        published(n)
    relay.run_once(out)
    monkeypatch.setattr(attempts, "MOST_KEPT", 2)
    newest = kept()[2:]
    attempts.forget_old(posts.posting())
    assert kept() == newest
