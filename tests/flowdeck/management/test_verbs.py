"""``manage.py flowdeck VERB``, and the short names that some verbs have."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, get_commands

from flowdeck.management import verbs

_SHORT = {"checklist", "create_token", "dead_letters", "drain", "replay", "schemas", "verify"}


def said(*words: str) -> str:
    out = io.StringIO()
    call_command("flowdeck", *words, stdout=out)
    return out.getvalue()


def test_without_a_verb_all_are_listed_with_a_line_each() -> None:
    lines = said().splitlines()
    assert [line.split()[0] for line in lines] == verbs.names()
    assert _SHORT | {
        "archive",
        "doctor",
        "export",
        "forget",
        "groups",
        "import",
        "init",
        "redeliver",
    } <= set(verbs.names())
    assert all(line.endswith(".") and len(line.split()) > 4 for line in lines)


def test_names_that_other_projects_have_are_verbs_only() -> None:
    ours = {name for name, app in get_commands().items() if app == "flowdeck"}
    assert ours == {"flowdeck", *_SHORT}


def test_a_short_name_does_what_its_verb_does(tmp_path: Path) -> None:
    lock, out = tmp_path / "schemas.lock", io.StringIO()
    assert "changes locked" in said("schemas", "--write", "--lock", str(lock))
    call_command("schemas", "--check", lock=lock, stdout=out)
    assert out.getvalue() == said("schemas", "--check", "--lock", str(lock))


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(
        CommandError, match="no verb 'verfy'; there are alerts, archive, asyncapi, checklist,"
    ):
        said("verfy")
    with pytest.raises(CommandError, match="required: --older-than"):
        said("archive")
    with pytest.raises(CommandError, match="unrecognized arguments: --jason"):
        said("verify", "--jason")
