"""The audit has every action, allowed or denied, and nobody can change it."""

from __future__ import annotations

import json

import pytest
from django.db import DatabaseError, transaction

from flowdeck.engine import pause
from flowdeck.letters import dead_letters
from flowdeck.models import AuditEntry, ProcessorState
from flowdeck.people import audit
from tests.accounts import person, signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_database_refuses_to_change_or_delete_an_entry() -> None:
    entry = audit.record("retry", by="operator", target="dead letter 1", count=1)
    for change in (
        lambda: AuditEntry.objects.filter(pk=entry.pk).update(who="nobody"),
        lambda: AuditEntry.objects.filter(pk=entry.pk)._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
            change()
    assert AuditEntry.objects.get().who == "operator"


def test_actions_leave_one_entry_each() -> None:
    pause.pause("probe.atomic", by="operator", reason="to look")
    pause.resume("probe.atomic", by="operator")
    dead_letters.retry([1], by="operator")
    told = list(AuditEntry.objects.order_by("id").values_list("action", "count", "reason"))
    assert told == [("pause", 1, "to look"), ("resume", 1, ""), ("retry", 0, "")]


def test_what_was_refused_is_there_too() -> None:
    client = signed_in(person("viewer"))
    assert client.post("/processors/probe.atomic/pause/", {"reason": "x"}).status_code == 403
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.action, entry.allowed) == ("viewer", "pause_processor", False)
    assert client.get("/processors/").status_code == 200
    assert AuditEntry.objects.count() == 1  # looking is no action


def test_its_export_holds_no_formula_and_every_entry() -> None:
    audit.record("retry", by="operator", target='=cmd|" /C calc"!A0', reason="+1")
    client = signed_in(person("operator"))
    lines = b"".join(client.get("/audit/export/").streaming_content).decode().splitlines()
    assert len(lines) == 2
    assert "'=cmd" in lines[1]
    assert "'+1" in lines[1]
    assert "=cmd" in client.get("/audit/?who=operator").content.decode()


def test_it_is_filtered_and_exported_as_json_lines() -> None:
    audit.record("retry", by="mara", target="dead letter 1", count=1)
    audit.record("discard", by="jo", target="dead letter 2", reason="why", allowed=False)
    client = signed_in(person("operator"))

    def lines(query: str) -> list[dict[str, object]]:
        answer = client.get(f"/audit/export/?form=jsonl&{query}")
        body = b"".join(answer.streaming_content).decode()
        return [json.loads(line) for line in body.splitlines()]

    assert [one["who"] for one in lines("")] == ["mara", "jo"]
    assert [one["action"] for one in lines("allowed=no")] == ["discard"]
    assert [one["who"] for one in lines("target=dead letter 1")] == ["mara"]
    page = client.get("/audit/?allowed=no").content.decode()
    assert "dead letter 2" in page
    assert "dead letter 1" not in page


def test_a_name_may_be_as_long_as_an_e_mail_address() -> None:
    name = f"{'a' * 64}@{'b' * 251}.org"
    pause.pause("probe.atomic", by=name, reason="to look")
    assert AuditEntry.objects.get().who == ProcessorState.objects.get().paused_by == name
