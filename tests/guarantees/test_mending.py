"""After mending, a retry is the same from everywhere: one audit entry, and order is kept."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.test import Client

from flowdeck import publish
from flowdeck.letters import bulk, dead_letters
from flowdeck.models import AuditEntry, Delivery
from flowdeck.people import tokens
from flowdeck.testing import settle
from tests.accounts import person, signed_in
from tests.probe import processors
from tests.probe.events import Probed
from tests.probe.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)
_KEYS = 3
_BEHIND = 2


@pytest.fixture
def letters() -> list[int]:
    """A dead letter of each key, and deliveries that wait behind it."""
    for n in range(_KEYS):
        publish(Probed(n=n, fails=3, by="probe.atomic"), stream=f"held-{n}")
        publish(*[Probed(n=n) for _ in range(_BEHIND)], stream=f"held-{n}")
    settle()
    return list(dead_letters.dead().values_list("letter", flat=True))


def console(letters: list[int]) -> None:
    client = signed_in(person("operator"))
    form = {"action": "retry", "letter": letters, "reason": "mended"}
    asked = client.post("/dead-letters/resolve/", form)
    assert f"Retry {len(letters)} dead letters?" in asked.content.decode()
    seen = re.search(r'name="confirmed" value="(\w+)"', asked.content.decode())
    assert seen is not None
    confirmed = client.post("/dead-letters/resolve/", {**form, "confirmed": seen[1]})
    assert confirmed.status_code == 302
    bulk.advance_all()


def admin(letters: list[int]) -> None:
    form = {"action": "retry_dead", "_selected_action": letters, "reason": "mended"}
    answer = signed_in(person("operator")).post("/admin/flowdeck/deadletter/", form, follow=True)
    assert f"{len(letters)} dead letters made due again" in answer.content.decode()


def command(letters: list[int]) -> None:
    person("operator")
    call_command(
        "dead_letters",
        "retry",
        *map(str, letters),
        "--as",
        "operator",
        "--reason",
        "mended",
        stdout=io.StringIO(),
    )


def api(letters: list[int]) -> None:
    token = tokens.issue(person("operator"))
    answer = Client().post(
        "/api/v1/dead-letters/retries",
        {"letters": letters, "reason": "mended"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.json() == {"asked": len(letters), "resolved": len(letters)}


@pytest.mark.parametrize("retry", [console, admin, command, api])
def test_a_retry_leaves_one_entry_and_what_waited_goes_on_in_order(
    letters: list[int], retry: Callable[[list[int]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not Effect.objects.filter(processor="probe.atomic").exists()
    monkeypatch.setattr(processors, "behave", lambda event, delivery: None)  # mended
    retry(letters)
    settle()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}
    for n in range(_KEYS):
        handled = Effect.objects.filter(processor="probe.atomic", stream=f"held-{n}")
        sequences = list(handled.order_by("id").values_list("sequence", flat=True))
        assert sequences == list(range(1, _BEHIND + 2))
    [entry] = AuditEntry.objects.exclude(action="create_token")
    assert (entry.action, entry.count, entry.reason) == ("retry", _KEYS, "mended")
    assert (entry.who, entry.allowed) == ("operator", True)
