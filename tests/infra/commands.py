"""Commands in processes of their own, in folders of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def ran(
    folder: Path,
    environment: Mapping[str, str],
    *words: str,
    python: str | Path = sys.executable,
) -> subprocess.CompletedProcess[str]:
    """What Python prints in ``folder``, run with these words; a failure fails the test with it."""
    done = subprocess.run(
        [python, *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done
