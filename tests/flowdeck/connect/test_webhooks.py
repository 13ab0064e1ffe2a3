"""Webhooks of other services: who signed is heard, once; nobody else."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
from django.http import HttpResponse
from django.test import Client

from flowdeck import Draft, parse, webhook
from flowdeck.checks.project import outside
from flowdeck.connect import signatures
from flowdeck.connect.cloudevent import CloudEvent
from flowdeck.connect.webhooks import webhooks
from flowdeck.declare.registry import registry
from flowdeck.errors import RegistrationError
from flowdeck.letters import dead_letters
from flowdeck.models import Attempt, Event
from flowdeck.testing import settle
from tests.flowdeck.connect.brokers import Webhook

pytestmark = pytest.mark.django_db(transaction=True)
SECRETS = {
    "std": Webhook.secrets,
    "pay": ("stripe-secret",),
    "hub": ("It's a Secret to Everybody",),
}


@pytest.fixture(autouse=True)
def hooks(settings: Any) -> Iterator[None]:
    settings.FLOWDECK = {**settings.FLOWDECK, "WEBHOOK_SECRETS": SECRETS}
    for name, scheme in (("std", "standard"), ("pay", "stripe"), ("hub", "github")):
        webhook(name, scheme=scheme)(mapped)  # type: ignore[arg-type]
    yield
    for name in SECRETS:
        webhooks.pop(name)
        registry.remove_processor(name)


def mapped(message: CloudEvent) -> Draft | None:
    if message.type == "ping":
        return None
    return Draft(parse("Probed", {"n": message.data["n"], "by": message.type}), stream="told")


def told(name: str, body: bytes, **headers: str) -> HttpResponse:
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    address = f"/api/v1/webhooks/{name}"
    return Client().post(address, body, content_type="application/json", headers=given)


def standard(body: bytes, *, id_: str = "msg-1", at: float | None = None) -> dict[str, str]:
    """Headers as the official library makes them."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    signed = standardwebhooks.Webhook(Webhook.secrets[1]).sign(id_, moment, body.decode())
    return {
        "webhook_id": id_,
        "webhook_timestamp": str(int(moment.timestamp())),
        "webhook_signature": signed,
    }


def stripe(body: bytes, secret: str = "stripe-secret") -> dict[str, str]:
    moment = str(int(time.time()))
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"stripe_signature": f"t={moment},v1=0badc0de,v1={signed},v0=ignored"}


def github(body: bytes, kind: str = "push") -> dict[str, str]:
    signed = hmac.new(SECRETS["hub"][0].encode(), body, hashlib.sha256).hexdigest()
    return {
        "x_hub_signature_256": f"sha256={signed}",
        "x_github_event": kind,
        "x_github_delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    }


def stored() -> list[tuple[int, str]]:
    rows = Event.objects.filter(type="Probed").order_by("position")
    return [(one.data["n"], one.data["by"]) for one in rows]


def test_each_scheme_is_taken_in_once() -> None:
    body = json.dumps({"id": "evt_1", "type": "charge", "n": 1}).encode()
    for name, headers in (("std", standard(body)), ("pay", stripe(body)), ("hub", github(body))):
        for _ in range(2):
            answer = told(name, body, **headers)
            assert (answer.status_code, answer.content) == (204, b""), name
    assert stored() == [(1, "charge"), (1, "charge"), (1, "push")]
    assert set(Event.objects.values_list("producer", flat=True)) == {"std", "pay", "hub"}


def test_the_example_of_githubs_documentation_is_right() -> None:
    signed = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"x-hub-signature-256": f"sha256={signed}"}
    signatures.check_github(SECRETS["hub"], headers, b"Hello, World!")


def test_whoever_did_not_sign_is_not_heard() -> None:
    body = json.dumps({"id": "evt_1", "type": "charge", "n": 1}).encode()
    other = body.replace(b"1", b"2")
    wrong = [
        ("std", body, {}),
        ("std", other, standard(body)),
        ("std", body, {**standard(body), "webhook_id": "msg-2"}),
        ("std", body, standard(body, at=time.time() - 600)),
        ("std", body, standard(body, at=time.time() + 600)),
        ("std", body, {**standard(body), "webhook_timestamp": "soon"}),
        ("pay", body, {}),
        ("pay", other, stripe(body)),
        ("pay", body, stripe(body, secret="guessed")),
        ("pay", body, {"stripe_signature": "t=,v1="}),
        ("hub", body, {"x_hub_signature_256": "sha256="}),
        ("hub", other, github(body)),
        ("hub", body, stripe(body)),
    ]
    for name, sent, headers in wrong:
        answer = told(name, sent, **headers)
        assert answer.status_code == 401, (name, headers)
        assert answer.json()["detail"]
    assert told("nobody", body, **standard(body)).status_code == 404
    assert not Event.objects.exists()


def test_what_is_not_for_us_is_nothing_and_what_can_not_be_read_is_a_letter() -> None:
    assert told("hub", b"{}", **github(b"{}", kind="ping")).status_code == 204
    assert not Event.objects.exists()
    for body in (b"\xff no JSON", b'{"id": "evt_2"}', b'{"id": "evt_3", "n": "many"}'):
        assert told("pay", body, **stripe(body)).status_code == 204
    settle()
    assert stored() == []
    assert dead_letters.dead().filter(processor="pay").count() == 3
    assert Attempt.objects.count() == 3


def test_a_cloudevent_of_another_flowdeck_stays_one() -> None:
    value = {"specversion": "1.0", "id": "x", "source": "/crm", "type": "sold", "data": {"n": 4}}
    body = json.dumps(value).encode()
    headers = {key.replace("_", "-"): one for key, one in standard(body).items()}
    kind = "application/cloudevents+json"
    for _ in range(2):
        answer = Client().post("/api/v1/webhooks/std", body, content_type=kind, headers=headers)
        assert answer.status_code == 204
    assert stored() == [(4, "sold")]


def test_what_can_not_work_is_told(settings: Any) -> None:
    with pytest.raises(RegistrationError, match="scheme is one of github, standard, stripe"):
        webhook("wrong", scheme="paypal")  # type: ignore[arg-type]
    given = {"std": ("plain",), "pay": SECRETS["pay"]}
    settings.FLOWDECK = {**settings.FLOWDECK, "WEBHOOK_SECRETS": given}
    found = [one.msg for one in outside()]
    assert any("'std'" in one and "whsec_" in one for one in found)
    assert any("'hub'" in one and "no secret" in one for one in found)
    assert not any("'pay'" in one for one in found)
