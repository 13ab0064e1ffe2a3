"""Being told of an alert: by a real mail server and a real HTTP server, with the right link."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.core.management import CommandError, call_command
from django.test import Client

from flowdeck import publish
from flowdeck.alerts import past, ready, rules
from flowdeck.engine import pause
from flowdeck.models import AlertRule, AuditEntry
from flowdeck.testing import settle
from tests.accounts import person, signed_in
from tests.flowdeck.alerts.looking import later, look, rule, told
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
SITE = "https://events.example.org"
LETTERS = f"{SITE}/dead-letters/?processor=probe.atomic"


@pytest.fixture
def operator() -> Client:
    """An operator's browser."""
    return signed_in(person("operator"))


class Post:
    """What came by mail."""

    def __init__(self) -> None:
        self.got: list[Message] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.got.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    """A mail server, which the site sends its mail through."""
    kept = Post()
    with socket.create_server(("127.0.0.1", 0)) as free:
        host, port = free.getsockname()
    server = Controller(kept, hostname=host, port=port)
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = host, port
    settings.FLOWDECK = {**settings.FLOWDECK, "SITE_URL": SITE}
    yield kept
    server.stop()


@pytest.fixture
def hook(settings: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An HTTP server: its address, and what it was sent."""
    got: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(202)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    told = {"WEBHOOK_NETWORKS": ("127.0.0.0/8",), "SITE_URL": SITE}
    settings.FLOWDECK = {**settings.FLOWDECK, **told}
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", got
    server.shutdown()
    server.server_close()
    thread.join()


def die() -> None:
    publish(Probed(n=1, fails=99, by="probe.atomic"), stream="held")
    settle()


def test_mail_has_host_processor_error_and_a_link_that_leads_there(
    post: Post, operator: Client
) -> None:
    rule(processor="probe.atomic", mail_to="ops@example.com")
    die()
    look()
    [mail] = post.got
    assert mail["To"] == "ops@example.com"
    lines = mail.get_content().splitlines()
    for line in ("Host: events.example.org", "Processor: probe.atomic", "Error: ProbeError"):
        assert line in lines
    assert f"Open: {LETTERS}" in lines
    page = operator.get(LETTERS.removeprefix(SITE)).content.decode()
    assert "ProbeError" in page


@pytest.mark.parametrize("form", ["flowdeck", "slack", "teams", "pagerduty"])
def test_a_webhook_gets_what_it_takes(form: str, hook: tuple[str, list[dict[str, Any]]]) -> None:
    address, got = hook
    key = {"routing_key": "R0UT1NG"} if form == "pagerduty" else {}
    number = rule(processor="probe.atomic", webhook=address, form=form, **key).pk
    die()
    look()
    AlertRule.objects.filter(pk=number).update(threshold=2)
    look()
    fired, resolved = got
    found = json.dumps(fired)
    for said in ("events.example.org", "probe.atomic", "ProbeError", "r fires: 1 dead letters"):
        assert said in found or (form == "flowdeck" and said.startswith("r fires"))
    assert _shape(form, fired) == LETTERS
    if form == "pagerduty":
        acts = [(one["event_action"], one["routing_key"]) for one in got]
        assert acts == [("trigger", "R0UT1NG"), ("resolve", "R0UT1NG")]
        assert fired["dedup_key"] == resolved["dedup_key"]


def _shape(form: str, body: dict[str, Any]) -> Any:
    """The link, found where the receiver looks for it."""
    if form == "slack":
        assert {block["type"] for block in body["blocks"]} == {"section", "actions"}
        assert all("mrkdwn" not in json.dumps(block) for block in body["blocks"])
        return body["blocks"][-1]["elements"][0]["url"]
    if form == "teams":
        [card] = body["attachments"]
        assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
        return card["content"]["actions"][0]["url"]
    if form == "pagerduty":
        assert body["payload"]["severity"] == "critical"
        return body["links"][0]["href"]
    return body["link"]


def test_a_test_message_says_so_and_leaves_the_rule_as_it_is(
    hook: tuple[str, list[dict[str, Any]]], operator: Client
) -> None:
    address, got = hook
    tells_nobody = rule(name="quiet").pk
    number = rule(webhook=address).pk
    with pytest.raises(rules.RuleRefused, match="names nobody"):
        rules.test(tells_nobody, by="operator")
    answer = operator.post(f"/alerts/rules/{number}/test/")
    settle()
    assert [one["state"] for one in got] == ["test"]
    assert operator.get(answer.url).status_code == 200  # the event, and what becomes of it
    assert AlertRule.objects.get(pk=number).state == "quiet"
    assert AuditEntry.objects.filter(action="test alert rule").count() == 1


def test_what_has_fired_is_remembered_with_its_end(operator: Client) -> None:
    first, second = rule().pk, rule(name="other", kind="paused", threshold=1).pk
    die()
    look()
    pause.pause("probe.batch", by="operator", reason="a test")
    AlertRule.objects.filter(pk=first).update(threshold=9)
    look()
    [ended] = past.firings()
    assert (ended.name, ended.about, ended.lasts) == ("r", "", False)
    assert ended.seconds is not None
    AlertRule.objects.filter(pk=second).update(threshold=0)
    look()
    [lasts, _] = past.firings()
    assert (lasts.name, lasts.about, lasts.lasts, lasts.seconds) == (
        *("other", "probe.batch"),
        *(True, None),
    )
    assert [one.name for one in past.firings(first)] == ["r"]
    page = operator.get("/alerts/").content.decode()
    assert "Fired lately" in page
    assert "lasts" in page


def test_a_ready_rule_is_one_click_and_then_no_card_any_more(operator: Client) -> None:
    AlertRule.objects.all().delete()
    for one in ready.left():  # each is a rule that can be set
        operator.post("/alerts/rules/", {"name": one.name, **one.wanted})
        row = AlertRule.objects.get(name=one.name)
        assert rules.said(row) == one.said
    assert ready.left() == []
    look()  # and can be measured
    assert AlertRule.objects.filter(looked_at__year=2000).count() == 0
    assert "Ready rules" not in operator.get("/alerts/").content.decode()


def test_without_a_worker_cron_looks_and_tells(
    post: Post, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rule(kind="workers", threshold=30, mail_to="ops@example.com")
    publish(Probed(n=1), stream="waits")
    later(monkeypatch, 1)
    call_command("flowdeck", "alerts", "look")
    assert "Firing: r." in capsys.readouterr().out
    [mail] = post.got
    assert "nobody works" in mail["Subject"]
    assert f"Open: {SITE}/processors/" in mail.get_content()
    call_command("flowdeck", "alerts", "fired")
    assert "seconds that work is due and nobody works" in capsys.readouterr().out


def test_the_command_lists_mutes_and_tests(capsys: pytest.CaptureFixture[str]) -> None:
    number = rule(mail_to="ops@example.com").pk
    call_command("flowdeck", "alerts", "mute", "r", "--hours", "8")
    assert AlertRule.objects.get(pk=number).is_muted
    call_command("flowdeck", "alerts", "test", "r")
    assert told(number) == ["AlertTested"]
    call_command("flowdeck", "alerts", "list")
    assert "r  quiet, muted: 0 now; fires at 1 or more dead letters" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no rule 'x'"):
        call_command("flowdeck", "alerts", "test", "x")


def test_pagerduty_has_an_address_of_its_own_and_needs_a_key() -> None:
    with pytest.raises(rules.RuleRefused, match="routing key"):
        rule(form="pagerduty")
    assert rule(form="pagerduty", routing_key="K").webhook.startswith("https://events.pagerduty")
