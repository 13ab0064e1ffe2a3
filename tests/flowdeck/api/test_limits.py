"""Limits over the API and by command: as on the page, in the audit, and refused alike."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from flowdeck import Limits
from flowdeck.declare.registry import registry
from flowdeck.models import AuditEntry, FlowControl
from tests.flowdeck.api.conftest import Caller, person

pytestmark = pytest.mark.django_db(transaction=True)
PATH, NAME = "/processors/probe.leased/limits", "probe.leased"


@pytest.fixture(autouse=True)
def _limited(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    known = registry.processor(NAME)
    limits = Limits(concurrent=1, per="10/s")
    monkeypatch.setitem(registry.processors, NAME, replace(known, limits=limits))
    registry._subscribers.clear()
    yield
    registry._subscribers.clear()


def now() -> Limits | None:
    declared = registry.processor(NAME).limits
    control = FlowControl.objects.filter(pk=NAME).first()
    return control.in_force(declared) if control else declared


def test_they_are_changed_and_restored_over_the_api() -> None:
    caller = Caller(person("olga", "operator"))
    wanted = {"concurrent": 3, "per": "20/s", "burst": 2, "reason": "they can"}
    assert caller.post(PATH, wanted).status_code == 204
    assert now() == Limits(3, "20/s", 2)
    for wrong in ({"reason": ""}, {"reason": "none left"}, {"per": "soon"}, {"concurrent": 0}):
        assert caller.post(PATH, {"reason": "wrong", **wrong}).status_code == 422
    assert caller.post(PATH.replace("leased", "atomic"), wanted).status_code == 404
    assert caller.post(f"{PATH}/restore", {"reason": "enough"}).status_code == 204
    assert now() == Limits(1, "10/s")
    entries = AuditEntry.objects.filter(action="change limits", who="olga", allowed=True)
    assert [one.reason.split(": ")[-1] for one in entries.order_by("id")] == ["they can", "enough"]
    assert Caller(person("vic", "viewer")).post(PATH, wanted).status_code == 403
    assert AuditEntry.objects.filter(who="vic", allowed=False).exists()


def test_they_are_changed_and_restored_by_command() -> None:
    def said(*words: str) -> str:
        out = io.StringIO()
        call_command("flowdeck", "limits", *words, stdout=out)
        return out.getvalue()

    person("olga", "operator")
    assert "probe.leased  1 at once and 10/s\n" in said()
    why = ("--as", "olga", "--reason", "they can")
    assert said("set", NAME, "--concurrent", "4", *why) == "Done.\n"
    assert now() == Limits(4)
    assert "probe.leased  4 at once  (set by olga, " in said("list")
    assert said("restore", NAME, *why) == "Done.\n"
    assert AuditEntry.objects.filter(action="change limits", who="olga").count() == 2
    person("vic", "viewer")
    for wrong, told in (
        (("restore", NAME, *why), "Nothing was changed"),
        (("set", NAME, *why), "limits nothing"),
        (("set", NAME, "--per", "1/s", "--as", "olga"), "--reason"),
        (("set", NAME, "--per", "1/s", "--as", "vic", "--reason", "no"), "change_limits"),
        (("set", "probe.atomic", "--per", "1/s", *why), "declares no limits"),
        (("set",), "Whose"),
    ):
        with pytest.raises(CommandError, match=told):
            said(*wrong)
