"""Personal data is shown to nobody by the way; who reveals it needs a permission and a reason."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from flowdeck import publish
from flowdeck.live.changes import Changes
from flowdeck.live.views import _views
from flowdeck.models import Attempt, AuditEntry, Delivery, Event
from flowdeck.privacy import reveal
from flowdeck.privacy.masking import MASK, masked, scrubbed
from flowdeck.testing import settle
from tests.accounts import person, signed_in
from tests.addresses import addresses
from tests.probe.events import Told

pytestmark = pytest.mark.django_db(transaction=True)

SECRETS = ("anna@example.org", "anna%40example.org", "Anna@Example.org", "allergic to nuts")
TOLD = Told(user_id=7, email="Anna@Example.org", notes=["allergic to nuts"])


@pytest.fixture
def event() -> Event:
    """An event about a person whose delivery is dead, the error full of personal data."""
    position = publish(TOLD, stream="told-7").positions[0]
    settle()
    return Event.objects.get(position=position)


def assert_nothing_given_away(text: str, where: str) -> None:
    assert [secret for secret in SECRETS if secret.lower() in text.lower()] == [], where


@pytest.mark.parametrize("filtered", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize("role", ["admin", pytest.param("viewer", marks=pytest.mark.long)])
def test_no_page_gives_it_away(role: str, filtered: bool, event: Event) -> None:
    client = signed_in(person(role))
    delivery = Delivery.objects.get(state="dead")
    values = {
        "position": event.position,
        "correlation_id": event.correlation_id,
        "name": "Told",
        "number": delivery.letter,
        "lesson": "ripple",
        "order_id": 1,
        "fingerprint": "f",
        "proof": 1,
        "object_id": event.position,
        "id": 1,
        "content_type_id": 1,
        "app_label": "flowdeck",
        "url": "none",
        "stream": "told-7",
        "process": "mediator",
        "flowdeck:processor name": "probe.told",
        "admin:flowdeck_deadletter_change object_id": delivery.letter,
    }
    seen = 0
    asked = f"?selected={event.position}&q=allergic&delivery={delivery.name}&attempt=1"
    for address in addresses():
        answer = client.get(address.path(values) + (asked if filtered else ""))
        text = (b"".join(answer) if answer.streaming else answer.content).decode()
        assert_nothing_given_away(text, address.name)
        seen += MASK in text
    assert seen > 4  # the event's, the letter's and the admin's pages do show the event


def test_no_live_fragment_gives_it_away(event: Event) -> None:
    arguments = {
        "trace": str(event.correlation_id),
        "flow-node": "type:Told",
        "experiment": "ripple",
        "log": "type=Told",
        "event": str(event.position),
        "event-people": str(event.position),
        "processor": "probe.told:24h",
        "processes": "mediator?",
        "letter": str(Delivery.objects.get(state="dead").letter),
    }
    user = person("operator")
    for name, view in _views.items():
        shown = view(user if view.per_user else None, arguments.get(name, ""))
        fragments = [*shown.regions(), *shown.patch(Changes(unknown=True))]
        assert_nothing_given_away("".join(one.html for one in fragments), name)


def test_no_failure_keeps_it(event: Event, caplog: pytest.LogCaptureFixture) -> None:
    failure = Attempt.objects.first()
    assert failure is not None
    assert failure.message == f"no mailbox '{MASK}' of user 7, ['{MASK}']"
    assert MASK in failure.traceback
    assert_nothing_given_away(failure.traceback, "traceback")


def test_no_command_and_no_log_line_gives_it_away(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    publish(TOLD, stream="told-8")
    settle()
    number = Delivery.objects.get(state="dead").letter
    for arguments in (["list"], ["list", "--letters"], ["show", str(number)]):
        for form in ([], ["--json"]):
            said = io.StringIO()
            call_command("dead_letters", *arguments, *form, stdout=said)
            assert_nothing_given_away(said.getvalue(), " ".join(arguments))
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith("django.db")]
    assert_nothing_given_away("\n".join(ours), "log")


def test_nobody_can_guess_it_by_searching(event: Event) -> None:
    client = signed_in(person("admin"))
    for query in (
        "data.email=Anna@Example.org",
        "not.data.email=x",
        "field=email&is=x",
        "data.notes.0=allergic to nuts",
        "data.mail=x",
    ):
        page = client.get(f"/events/?{query}").content.decode()
        assert "is personal: it can&#x27;t be searched by" in page


def test_an_operator_reveals_it_with_a_reason_and_the_audit_knows(event: Event) -> None:
    client, path = signed_in(person("operator")), f"/events/{event.position}/reveal/"
    assert MASK in client.get(f"/events/{event.position}/").content.decode()
    refused = client.post(path, {"reason": "  "})
    assert (refused.status_code, AuditEntry.objects.count()) == (422, 0)
    assert_nothing_given_away(refused.content.decode(), "without a reason")
    shown = client.post(path, {"reason": "she called"})
    assert "Anna@Example.org" in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.action, entry.target, entry.reason, entry.allowed) == (
        "operator",
        reveal.ACTION,
        f"event {event.position}",
        "she called",
        True,
    )


def test_a_viewer_does_not_and_the_audit_knows(event: Event) -> None:
    client = signed_in(person("viewer"))
    page = client.get(f"/events/{event.position}/").content.decode()
    assert (
        "To reveal personal data, with a reason you need the permission flowdeck.reveal_personal"
        in page
    )
    assert client.post(f"/events/{event.position}/reveal/", {"reason": "x"}).status_code == 403
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.action, entry.allowed) == ("viewer", reveal.ACTION, False)


def post(user: User, path: str, body: Any) -> Any:
    client = Client()
    client.force_login(user)
    return client.post(path, json.dumps(body), "application/json")


def test_the_api_masks_and_reveals_likewise(event: Event) -> None:
    operator, path = person("operator"), f"/api/v1/events/{event.position}/reveal"
    for masking in ("/api/v1/events?type=Told", f"/api/v1/traces/{event.correlation_id}"):
        (row,) = signed_in(operator).get(masking).json()["events"]
        assert row["data"] == {"user_id": 7, "email": MASK, "notes": MASK}
    assert post(operator, path, {"reason": " "}).status_code == 422
    assert post(person("viewer"), path, {"reason": "x"}).status_code == 403
    assert post(operator, path, {"reason": "x"}).json()["data"]["email"] == "Anna@Example.org"
    allowed = AuditEntry.objects.order_by("id").values_list("who", "allowed")
    assert list(allowed) == [("viewer", False), ("operator", True)]


def test_what_is_masked() -> None:
    data = {"user_id": 7, "email": "a@b.c", "notes": [], "mail": "old name of it"}
    assert masked("Told", data) == {"user_id": 7, "email": MASK, "notes": [], "mail": MASK}
    assert masked("Undeclared", {"a": 1, "b": ""}) == {"a": MASK, "b": ""}
    assert masked("Undeclared", ["a"]) == MASK
    assert masked("Probed", {"n": 1}) == {"n": 1}
    text = scrubbed("Told", {"email": 'a"b@c.de', "notes": ["x"]}, 'A"B@C.DE a\\"b@c.de x')
    assert text == f"{MASK} {MASK} x"  # a single letter names nobody
