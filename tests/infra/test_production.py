"""What production starts with passes Django's own deployment checks."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path


def test_the_deployment_checks_find_nothing(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "FLOWDECK_HOME": str(tmp_path),
        "FLOWDECK_DEMO": "0",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": "flow.example.org",
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stderr
    assert "no issues (0 silenced)" in checked.stdout
