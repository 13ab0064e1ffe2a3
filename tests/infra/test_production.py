"""What production starts with: its checks and its static files."""

from __future__ import annotations

import json
import os
import posixpath
import re
import secrets
import subprocess
import sys
from pathlib import Path


def _manage(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """``manage.py`` as production runs it, with ``home`` for what it writes."""
    environment = {
        **os.environ,
        "FLOWDECK_HOME": str(home),
        "FLOWDECK_DEMO": "0",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": "flow.example.org",
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_deployment_checks_find_nothing(tmp_path: Path) -> None:
    checked = _manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING")
    assert checked.returncode == 0, checked.stderr
    assert "no issues (1 silenced)" in checked.stdout  # that HSTS asks for no preload


def test_static_files_are_collected_and_every_import_is_of_a_hashed_file(tmp_path: Path) -> None:
    collected = _manage(tmp_path, "collectstatic", "--noinput", "--verbosity", "1")
    assert collected.returncode == 0, collected.stderr
    assert "Found another file" not in collected.stdout
    root = tmp_path / "static"
    names = json.loads((root / "staticfiles.json").read_text())["paths"]
    modules = [names[name] for name in names if re.match(r"(flowdeck/js|js)/.*\.js$", name)]
    assert len(modules) > 30
    imported = {
        posixpath.normpath(posixpath.join(posixpath.dirname(module), found))
        for module in modules
        for found in re.findall(r'^import\b.*"(\..*)"', (root / module).read_text(), re.MULTILINE)
    }
    assert imported
    assert imported - set(names.values()) == set()
