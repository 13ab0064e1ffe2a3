"""Releases: workers say theirs, a deployment announces one, charts mark the moment."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from flowdeck.engine import release, sweep
from flowdeck.models import AuditEntry, Release
from tests.accounts import person, signed_in
from tests.flowdeck.api.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)


def deployed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("flowdeck", "deployed", *arguments, stdout=out)
    return out.getvalue()


def test_a_worker_says_its_release_with_its_sign_of_life(settings: Any) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "RELEASE": "2026.11"}
    sweep.Sweeper().tick()
    first = Release.objects.get()
    assert (first.name, first.note) == ("2026.11", "")
    sweep.Sweeper().tick()
    again = Release.objects.get()
    assert again.first_seen_at == first.first_seen_at
    assert again.last_seen_at > first.last_seen_at


def test_without_a_name_it_is_that_of_the_environment_or_a_digest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GIT_SHA", raising=False)
    monkeypatch.delenv("FLOWDECK_RELEASE", raising=False)
    digest = release.name()
    assert len(digest) == 12
    monkeypatch.setenv("GIT_SHA", "abc123")
    assert release.name() == "abc123"
    monkeypatch.setenv("FLOWDECK_RELEASE", "v7")
    assert release.name() == "v7"


def test_a_deployment_announces_it_with_a_note() -> None:
    assert "v1 is new" in deployed("--release", "v1", "--note", "faster")
    assert "known already" in deployed("--release", "v1", "--note", "and safer")
    known = Release.objects.get()
    assert (known.note, known.last_seen_at) == ("and safer", None)
    assert AuditEntry.objects.filter(action="deploy", target="release v1").count() == 2
    with pytest.raises(CommandError, match="1 to 100 characters"):
        deployed("--release", "v" * 101)
    person("viewer")
    with pytest.raises(CommandError, match="announce a release"):
        deployed("--release", "v2", "--as", "viewer")


def test_the_api_announces_it_too() -> None:
    operator, viewer = Caller(person("operator")), Caller(person("viewer"))
    assert viewer.post("/releases", {"name": "v1"}).status_code == 403
    answer = operator.post("/releases", {"name": "v1", "note": "faster"})
    assert answer.status_code == 200
    assert answer.json()["by"] == "operator"
    assert [one["name"] for one in viewer.get("/releases").json()] == ["v1"]
    assert operator.post("/releases", {"name": "v\n1"}).status_code == 422


def test_the_timeline_marks_the_moment() -> None:
    deployed("--release", "v1", "--note", "<b>faster</b>")
    page = signed_in(person("viewer")).get("/timeline/").content.decode()
    assert "Release v1: &lt;b&gt;faster&lt;/b&gt;" in page
