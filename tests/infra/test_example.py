"""The example project passes its own tests, with the library from its wheel."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.infra.commands import ran
from tests.infra.conftest import ROOT


@pytest.mark.long
def test_the_example_and_an_app_that_is_begun_in_it_pass_their_tests(
    wheel: Path, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "examples" / "parcels", tmp_path / "parcels")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    for name in ("DJANGO_SETTINGS_MODULE", "REDIS_URL", "CELERY_BROKER_URL"):
        environment.pop(name, None)  # nothing of it asks Redis

    def run(*words: str) -> str:
        return ran(tmp_path / "parcels", environment, *words).stdout

    run("manage.py", "check", "--fail-level", "WARNING")
    assert "No changes detected" in run("manage.py", "makemigrations", "--check")
    assert "6 passed" in run("-m", "pytest", "-q", "-p", "no:schemathesis")

    run("manage.py", "startapp", "notes")
    with (tmp_path / "parcels" / "depot" / "settings.py").open("a") as settings:
        settings.write('INSTALLED_APPS.append("notes")\nBESIDE_THE_LOG.add("notes")\n')
    assert "manage.py test notes" in run("manage.py", "flowdeck", "init", "notes")
    run("manage.py", "makemigrations", "notes")
    run("manage.py", "check", "--fail-level", "WARNING")
    run("manage.py", "test", "notes")
