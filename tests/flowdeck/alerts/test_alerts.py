"""Alert rules: when they fire, who is told, and that they are told as everything else is done."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core import mail

from flowdeck import clock, publish
from flowdeck.alerts import measure, rules, tell, watch
from flowdeck.declare.registry import registry
from flowdeck.engine import drain, pause
from flowdeck.letters import dead_letters
from flowdeck.models import AlertRule, Attempt, AuditEntry, Delivery, Timer
from flowdeck.testing import settle
from tests.flowdeck.alerts.looking import look, rule, told
from tests.probe import processors
from tests.probe.events import Echoed, Probed

pytestmark = pytest.mark.django_db(transaction=True)


def die(stream: str = "held") -> None:
    publish(Probed(n=1, fails=99, by="probe.atomic"), stream=stream)
    settle()


def test_a_timer_that_is_late_or_refused_is_told() -> None:
    number = rule(kind="timers").pk
    publish(Probed(n=1), stream="later", in_=600, timer="t")
    look()
    assert told(number) == []
    Timer.objects.update(ended_at=datetime.now(UTC), ended_as=Timer.End.REFUSED)
    look()
    assert told(number) == ["AlertFired"]
    assert AlertRule.objects.get(pk=number).about == "t of later"


def test_an_event_that_has_not_followed_another_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only of those that are old enough, and only as long as it has not come."""
    for wrong in ({}, {"first_type": "Probed", "then_type": "Nothing", "minutes": "5"}):
        with pytest.raises(rules.RuleRefused):
            rule(kind="missing", **wrong)
    asked = {"first_type": "Probed", "then_type": "Echoed", "minutes": "5"}
    number = rule(kind="missing", **asked).pk
    publish(Probed(n=1, echoes=1), stream="followed")
    first = publish(Probed(n=2), stream="alone")
    settle()
    look()
    assert told(number) == []
    later = clock.now() + timedelta(minutes=6)
    monkeypatch.setattr(measure.clock, "now", lambda: later)
    measured = measure.measure(AlertRule.objects.get(pk=number))
    assert measured == (1, "alone", "")
    publish(Echoed(n=2, by="a person"), stream="alone", correlation_id=first.correlation_id)
    assert measure.measure(AlertRule.objects.get(pk=number)) == (0, "", "")


def test_it_fires_once_and_is_resolved_once() -> None:
    number = rule().pk
    look()
    assert told(number) == []
    die()
    look()
    look()
    assert told(number) == ["AlertFired"]
    assert AlertRule.objects.get(pk=number).state == "firing"
    dead_letters.discard(
        dead_letters.dead().values_list("letter", flat=True), by="operator", reason="a test"
    )
    look()
    look()
    assert told(number) == ["AlertFired", "AlertResolved"]
    assert AlertRule.objects.get(pk=number).state == "quiet"


def test_it_waits_for_its_hold_time() -> None:
    number = rule(hold_seconds=60).pk
    die()
    look()
    assert AlertRule.objects.get(pk=number).state == "holding"
    AlertRule.objects.update(over_since=datetime.now(UTC) - timedelta(seconds=61))
    look()
    assert told(number) == ["AlertFired"]


def test_what_is_only_looked_at_by_one_is_not_looked_at_again() -> None:
    number = rule().pk
    watch.look()
    first = AlertRule.objects.get(pk=number).looked_at
    watch.look()  # another worker, at the same moment
    assert AlertRule.objects.get(pk=number).looked_at == first


def test_each_kind_measures_what_it_says() -> None:
    for n in range(3):
        die(f"held-{n}")
    pause.pause("probe.batch", by="operator", reason="a test")
    publish(Probed(n=2), stream="waits")
    settle()
    for kind, processor in (
        ("dead", "probe.atomic"),
        ("growth", ""),
        ("waiting", "probe.batch"),
        ("paused", ""),
    ):
        rule(name=kind, kind=kind, processor=processor)
    look()
    found = {row.kind: row for row in AlertRule.objects.all()}
    assert (found["dead"].value, found["growth"].value) == (3, 3)
    assert found["growth"].about == "ProbeError"
    assert found["waiting"].value < 60
    assert found["paused"].value < 1
    AlertRule.objects.filter(kind__in=("waiting", "paused")).update(threshold=0)
    look()
    assert {row.about for row in AlertRule.objects.filter(threshold=0)} == {"probe.batch"}


def test_a_muted_rule_tells_nobody() -> None:
    number = rule(mail_to="ops@example.com").pk
    rules.mute(number, 1, by="operator")
    die()
    look()
    assert told(number) == ["AlertFired"]
    assert mail.outbox == []
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["add alert rule", "mute alert rule"]


def test_mail_says_what_fired() -> None:
    rule(mail_to="ops@example.com, boss@example.com")
    die()
    look()
    [sent] = mail.outbox
    assert sent.to == ["ops@example.com", "boss@example.com"]
    assert "r fires: 1 dead letters there are" in sent.subject


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it was sent; answers with what it was told to."""

    got: list[tuple[dict[str, str], bytes]] = []
    answers: list[int] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((dict(self.headers), body))
        self.send_response(self.answers.pop(0) if self.answers else 204)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver(settings: Any) -> Iterator[str]:
    settings.FLOWDECK = {**settings.FLOWDECK, "WEBHOOK_NETWORKS": ("127.0.0.0/8",)}
    Receiver.got, Receiver.answers = [], []
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_webhook_is_signed_and_carries_its_idempotency_key(receiver: str) -> None:
    number = rule(webhook=receiver).pk
    die()
    look()
    [(headers, body)] = Receiver.got
    expected = tell.signature(tell.secret(number), headers["Flowdeck-Timestamp"], body)
    assert headers["Flowdeck-Signature"] == f"v1={expected}"
    assert headers["Idempotency-Key"]
    assert json.loads(body)["state"] == "fired"


@pytest.mark.parametrize("name", ["alert-webhook", "alert-mail"])
def test_who_is_slow_to_be_told_holds_one_lane(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain._Pace, "_fast", {name})
    pace = drain._Pace(registry.processor(name))
    assert (pace.lanes, pace.batch_size) == (1, 1)


@pytest.mark.parametrize("answer", [500, 302])
def test_a_webhook_that_fails_is_retried_with_the_same_key(receiver: str, answer: int) -> None:
    Receiver.answers = [answer]
    rule(webhook=receiver)
    die()
    look()
    keys = {headers["Idempotency-Key"] for headers, _ in Receiver.got}
    assert (len(Receiver.got), len(keys)) == (2, 1)
    delivery = Delivery.objects.get(processor="alert-webhook")
    assert (delivery.state, delivery.attempts) == ("done", 2)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_a_webhook_into_the_network_is_a_dead_letter_at_once(
    receiver: str, settings: Any, host: str
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "WEBHOOK_NETWORKS": ("10.0.0.0/8",)}
    rule(webhook=receiver.replace("127.0.0.1", host))
    die()
    look()
    assert Receiver.got == []
    [failure] = Attempt.objects.filter(processor="alert-webhook")
    assert "inside of the network" in failure.message
    assert "WEBHOOK_NETWORKS" in failure.message


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"kind": "x"},
        {"processor": "nobody"},
        {"threshold": "0"},
        {"threshold": "-1"},
        {"hold_seconds": "x"},
        {"mail_to": "a@b@c"},
        {"webhook": "file:///etc/passwd"},
        {"webhook": "http://"},
        {"webhook": "http://[x"},
        {"webhook": "https://user:word@example.com/"},
        {"webhook": "https://exa mple.com"},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(rules.RuleRefused):
        rule(**wrong)
    assert not AlertRule.objects.exists()


def test_two_rules_cannot_have_one_name() -> None:
    rule()
    with pytest.raises(rules.RuleRefused, match="already"):
        rule()


def test_mail_of_a_hostile_failure_adds_no_header_and_stays_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name of an exception, unlike that of a rule, is whatever a handler raised."""
    said = "Boom\r\nBcc: eve@example.com\u2028\x0b<script>alert(1)</script>"
    hostile = type(said, (Exception,), {})

    def behave(event: object, delivery: object) -> None:
        raise hostile("mended\r\nBcc: eve@example.com\r\n\r\n<img src=x onerror=alert(2)>")

    monkeypatch.setattr(processors, "behave", behave)
    rule(kind="growth", mail_to="ops@example.com")
    publish(Probed(n=1), stream="held")
    settle()
    look()
    assert Delivery.objects.get(processor="alert-mail").state == "done"
    [sent] = mail.outbox
    raw = message_from_bytes(sent.message().as_bytes())
    assert (raw["To"], raw["Bcc"], sent.recipients()) == ("ops@example.com", None, sent.to)
    assert raw.get_content_type() == "text/plain"
    assert "<script>" in sent.body
