"""Dead letters over the API."""

from __future__ import annotations

from typing import Any

import pytest

from flowdeck import publish
from flowdeck.letters import dead_letters
from flowdeck.letters.bulk import advance_all
from flowdeck.models import AuditEntry, BulkAction, Delivery
from flowdeck.testing import settle
from tests.flowdeck.api.conftest import Caller, person
from tests.probe import processors
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dead() -> list[int]:
    """Three letters of probe.atomic; one delivery waits behind the first."""
    for n in range(3):
        publish(Probed(n=n, fails=3, by="probe.atomic"), stream=f"held-{n}")
    publish(Probed(n=9), stream="held-0")
    settle()
    return list(dead_letters.dead().values_list("letter", flat=True))


@pytest.fixture
def viewer() -> Caller:
    return Caller(person("vera", "viewer"))


def seen(operator: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """The same, held to the letters that fit now."""
    asked = operator.post("/dead-letters/bulk", {**body, "dry_run": True})
    return {**body, "seen": asked.json()["seen"]}


def states() -> set[str]:
    return set(Delivery.objects.values_list("state", flat=True))


def test_groups_letters_and_one_letter_whole(viewer: Caller, dead: list[int]) -> None:
    (group,) = viewer.get("/dead-letters/groups").json()
    assert (group["title"], group["count"], group["status"]) == ("ProbeError", 3, "open")
    assert viewer.get("/dead-letters/groups", processor="other").json() == []
    first = viewer.get("/dead-letters", fingerprint=group["value"], limit=2).json()
    assert [one["id"] for one in first["letters"]] == dead[:2]
    rest = viewer.get("/dead-letters", after=first["next"]).json()
    assert ([one["id"] for one in rest["letters"]], rest["next"]) == (dead[2:], None)
    whole = viewer.get(f"/dead-letters/{dead[0]}").json()
    assert whole["letter"]["stream"] == "held-0"
    assert whole["event"]["data"]["fails"] == 3
    assert [one["number"] for one in whole["failures"]] == [1, 2, 3]


def test_a_delivery_that_never_died_is_no_letter(viewer: Caller, dead: list[int]) -> None:
    alive = Delivery.objects.filter(state="done").first()
    assert alive is not None
    assert viewer.get(f"/dead-letters/{alive.event_id + 10**6}").status_code == 404


def test_after_mending_a_retry_un_parks_and_leaves_one_entry(
    operator: Caller, dead: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "behave", lambda event, delivery: None)
    answer = operator.post("/dead-letters/retries", {"letters": dead, "reason": "mended"})
    assert answer.json() == {"asked": 3, "resolved": 3}
    settle()
    assert states() == {"done"}
    entry = AuditEntry.objects.exclude(action="create_token").get()
    assert (entry.who, entry.action, entry.count, entry.reason) == ("olga", "retry", 3, "mended")
    again = operator.post("/dead-letters/retries", {"letters": dead})
    assert again.json() == {"asked": 3, "resolved": 0}, "the second one is told"


def test_a_discard_needs_a_reason(operator: Caller, dead: list[int]) -> None:
    for reason in ("", "  ", "\x00"):
        body = {"letters": dead, "reason": reason}
        assert operator.post("/dead-letters/discards", body).status_code == 422
    bulk = {"action": "discard", "all": True, "reason": " "}
    assert operator.post("/dead-letters/bulk", bulk).status_code == 422
    assert "dead" in states()
    body = {"letters": dead[:1], "reason": "a test order"}
    assert operator.post("/dead-letters/discards", body).json() == {"asked": 1, "resolved": 1}


def test_a_bulk_action_is_watched_and_stopped(operator: Caller, dead: list[int]) -> None:
    body = {"action": "retry", "processor": "probe.atomic", "delay": 60}
    answer = operator.post("/dead-letters/bulk", seen(operator, body))
    assert answer.status_code == 202
    number = answer.json()["id"]
    watched = operator.get(f"/dead-letters/bulk/{number}").json()
    assert (watched["state"], watched["total"], watched["asked"]) == ("running", 3, 0)
    stopped = operator.post(f"/dead-letters/bulk/{number}/cancel", {}).json()
    assert (stopped["state"], stopped["asked"]) == ("cancelled", 0)
    assert operator.post("/dead-letters/bulk/999999/cancel", {}).status_code == 404


def test_a_bulk_action_retries_all_that_fit(operator: Caller, dead: list[int]) -> None:
    body = seen(operator, {"action": "retry", "all": True})
    number = operator.post("/dead-letters/bulk", body).json()["id"]
    advance_all()
    watched = operator.get(f"/dead-letters/bulk/{number}").json()
    assert (watched["state"], watched["asked"], watched["came_back"]) == ("finished", 3, 0)


@pytest.mark.parametrize("action", ["discard", "retry"])
def test_a_bulk_action_is_held_to_the_letters_that_were_seen(
    operator: Caller, dead: list[int], action: str
) -> None:
    body = {"action": action, "all": True, "reason": "test orders"}
    asked = operator.post("/dead-letters/bulk", {**body, "dry_run": True})
    assert (asked.status_code, asked.json()["total"]) == (200, 3)
    assert not BulkAction.objects.exists()
    assert dead_letters.retry(dead[:1], by="somebody else") == 1
    unseen = operator.post("/dead-letters/bulk", body)
    assert (unseen.status_code, "dry_run" in unseen.json()["detail"]) == (422, True)
    body["seen"] = asked.json()["seen"]
    refused = operator.post("/dead-letters/bulk", body)
    assert refused.status_code == 409
    assert "2 now" in refused.json()["detail"]
    assert not BulkAction.objects.exists()
    body["seen"] = operator.post("/dead-letters/bulk", {**body, "dry_run": True}).json()["seen"]
    assert operator.post("/dead-letters/bulk", body).status_code == 202


def test_who_heard_no_answer_asks_for_the_same_bulk_action_again(
    operator: Caller, dead: list[int]
) -> None:
    body = seen(operator, {"action": "retry", "all": True, "delay": 60})
    ask = [operator.post("/dead-letters/bulk", body, Idempotency_Key="k-1") for _ in range(3)]
    assert {one.status_code for one in ask} == {202}
    assert len({one.json()["id"] for one in ask}) == BulkAction.objects.count() == 1
    operator.post("/dead-letters/bulk", body, Idempotency_Key="k-2")
    Caller(person("otto", "operator")).post("/dead-letters/bulk", body, Idempotency_Key="k-1")
    assert BulkAction.objects.count() == 3


@pytest.mark.parametrize(
    "body",
    [
        {"action": "retry"},
        {"action": "retry", "processor": "a\x00b"},
        {"action": "retry", "type": "\u202ex"},
        {"action": "burn", "all": True},
        {"action": "retry", "all": True, "per_second": 0},
        {"action": "retry", "all": True, "surprise": 1},
    ],
)
def test_what_is_unclear_acts_on_nothing(
    operator: Caller, dead: list[int], body: dict[str, Any]
) -> None:
    assert operator.post("/dead-letters/bulk", body).status_code == 422
    assert not BulkAction.objects.exists()


def test_a_group_is_acknowledged(operator: Caller, dead: list[int]) -> None:
    (group,) = operator.get("/dead-letters/groups").json()
    path = f"/dead-letters/groups/{group['value']}"
    assert operator.post(path, {"status": "acknowledged", "note": "on it"}).status_code == 204
    (group,) = operator.get("/dead-letters/groups").json()
    assert (group["status"], group["said_by"], group["note"]) == ("acknowledged", "olga", "on it")
    assert operator.post("/dead-letters/groups/none", {"status": "open"}).status_code == 404


def test_what_a_viewer_tries_is_refused_and_noted(viewer: Caller, dead: list[int]) -> None:
    for path, body in (
        ("/dead-letters/retries", {"letters": dead}),
        ("/dead-letters/discards", {"letters": dead, "reason": "x"}),
        ("/dead-letters/bulk", {"action": "retry", "all": True}),
        ("/dead-letters/groups/x", {"status": "open"}),
    ):
        assert viewer.post(path, body).status_code == 403
        entry = AuditEntry.objects.latest("id")
        assert (entry.who, entry.action, entry.allowed) == ("vera", "retry_dead_letters", False)
        assert path in entry.target
    assert AuditEntry.objects.exclude(action="create_token").count() == 4
    assert states() == {"dead", "done", "pending"}
