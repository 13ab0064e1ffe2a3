"""The library as others get it."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.infra.host_project import Host, Maker, stored

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    words = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", *words, str(ROOT)], check=True)
    [packed] = folder.glob("*.whl")
    return packed


@pytest.fixture(scope="session")
def make(wheel: Path, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Makes a project of somebody else's, with something stored."""

    @cache
    def made(way: str) -> Host:
        what = [str(wheel)] if way == "wheel" else ["-e", str(ROOT)]
        return stored(tmp_path_factory.mktemp("host"), redis_url, *what)

    return made
