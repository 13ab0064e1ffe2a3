"""``manage.py dead_letters``."""

from __future__ import annotations

import io
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from flowdeck import publish
from flowdeck.letters import dead_letters
from flowdeck.letters.question import Question
from flowdeck.models import AuditEntry, BulkAction, Delivery
from flowdeck.testing import settle
from tests.accounts import person
from tests.probe import processors
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dead() -> list[int]:
    for n in range(4):
        publish(Probed(n=n, fails=3, by="probe.atomic"), stream=f"held-{n}")
    settle()
    return list(dead_letters.dead().values_list("letter", flat=True))


def command(*arguments: object) -> str:
    out = io.StringIO()
    call_command("dead_letters", *map(str, arguments), stdout=out)
    return out.getvalue()


def as_json(*arguments: object) -> Any:
    return json.loads(command(*arguments, "--json"))


def number_dead() -> int:
    return Delivery.objects.filter(state="dead").count()


def test_it_lists_groups_and_letters_and_shows_one(dead: list[int]) -> None:
    assert "ProbeError" in command("list")
    (group,) = as_json("list")
    assert group["count"] == 4
    assert [one["id"] for one in as_json("list", "--letters", "--limit", 2)] == dead[:2]
    assert as_json("list", "--processor", "other") == []
    assert "Nothing is dead." in command("list", "--letters", "--stream", "other")
    shown = as_json("show", dead[0])
    assert (shown["letter"]["id"], len(shown["failures"])) == (dead[0], 3)
    assert "attempt 3: ProbeError" in command("show", dead[0])
    with pytest.raises(CommandError, match="no dead letter 0"):
        command("show", 0)


def test_a_dry_run_does_nothing(dead: list[int]) -> None:
    assert "would retry 4" in command("retry", "--all", "--dry-run")
    assert as_json("discard", dead[0], "--reason", "x", "--dry-run") == {
        "would": "discard",
        "count": 1,
        "seen": Question.about(Delivery.objects.filter(letter=dead[0]), "letter").digest,
    }
    assert number_dead() == 4
    assert not AuditEntry.objects.exists()


def test_an_answer_is_about_what_the_dry_run_showed(dead: list[int]) -> None:
    seen = as_json("discard", "--all", "--reason", "x", "--dry-run")["seen"]
    dead_letters.discard(dead[:1], by="olga", reason="hers")
    publish(Probed(n=1, fails=99, by="probe.atomic"), stream="later")
    settle()
    with pytest.raises(CommandError, match="Meanwhile it is other dead letters: 4 now"):
        command("discard", "--all", "--reason", "x", "--seen", seen)
    assert number_dead() == 4
    seen = as_json("discard", "--all", "--reason", "x", "--dry-run")["seen"]
    assert "discard: 4 of 4" in command("discard", "--all", "--reason", "x", "--seen", seen)


def test_a_retry_after_mending_leaves_one_entry(
    dead: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "behave", lambda event, delivery: None)
    person("operator")
    done = as_json("retry", "--processor", "probe.atomic", "--as", "operator", "--reason", "mended")
    assert (done["state"], done["asked"], done["total"]) == ("finished", 4, 4)
    settle()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.count, entry.reason) == ("operator", 4, "mended")


def test_chosen_letters_are_discarded_with_a_reason(dead: list[int]) -> None:
    with pytest.raises(CommandError, match="reason"):
        command("discard", dead[0])
    with pytest.raises(CommandError, match="needs a --reason"):
        command("discard", dead[0], "--reason", " ")
    assert "discard: 2 of 2 asked for" in command("discard", *dead[:2], "--reason", "test orders")
    assert number_dead() == 2


def test_a_graduated_retry_begins_with_one(dead: list[int]) -> None:
    told = command("retry", "--all", "--graduated")
    assert "retry: 1 of 4 asked for; 0 done, 0 dead again, 1 under way" in told
    assert "The workers go on with it" in told
    assert BulkAction.objects.get().asked == 1


def test_waiting_tells_the_outcome_and_the_exit_code(
    dead: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process works; here it does so whenever the command looks again."""
    at_work = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: settle())
    monkeypatch.setattr("flowdeck.management.verbs.dead_letters.time", at_work)
    monkeypatch.setattr(processors, "behave", always_fails)
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 of 1 failed again") as failed:
        call_command("dead_letters", "retry", str(dead[0]), "--wait", stdout=out)
    assert failed.value.returncode == 1
    assert "retry: 1 of 1 asked for; 0 done, 1 dead again, 0 under way" in out.getvalue()
    monkeypatch.setattr(processors, "behave", lambda event, delivery: None)
    assert "4 of 4 asked for; 4 done, 0 dead again" in command("retry", "--all", "--wait")
    with pytest.raises(CommandError, match="None of them is dead"):
        command("retry", dead[0], "--wait")


def test_waiting_ends_without_workers(dead: list[int]) -> None:
    with pytest.raises(CommandError, match="Not all is done after 0 s") as late:
        command("retry", dead[0], "--wait", 0)
    assert late.value.returncode == 3


def always_fails(event: object, delivery: object) -> None:
    raise KeyError("still broken")


@pytest.mark.parametrize("arguments", [(), ("--processor", "a\x00b"), ("--stream", "x" * 201)])
def test_what_names_nothing_does_not_mean_everything(
    dead: list[int], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(CommandError):
        command("retry", *arguments)
    assert number_dead() == 4


@pytest.mark.parametrize(
    ("account", "told"), [("viewer", "you need the permission"), ("eve", "no account")]
)
def test_an_account_acts_with_its_own_permissions(dead: list[int], account: str, told: str) -> None:
    person("viewer")
    with pytest.raises(CommandError, match=told):
        command("retry", "--all", "--as", account)
    assert dead_letters.dead().count() == len(dead)
    refused = AuditEntry.objects.filter(who="viewer", action="retry_dead_letters", allowed=False)
    assert refused.count() == (account == "viewer")
