"""What the wheel and the sdist bring: the library whole, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from tests.infra.conftest import ROOT


def _library() -> set[str]:
    """The library's files in this checkout."""
    files = (one for one in (ROOT / "flowdeck").rglob("*") if one.is_file())
    return {str(one.relative_to(ROOT)) for one in files if "__pycache__" not in one.parts}


def test_the_wheel_brings_the_library_whole_and_nothing_else(wheel: Path) -> None:
    brought = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert brought == _library()
    assert {
        "flowdeck/py.typed",
        "flowdeck/sql/postgresql/append.sql",
        "flowdeck/migrations/0001_initial.py",
        "flowdeck/templates/flowdeck/base.html",
        "flowdeck/static/flowdeck/css/base.css",
    } <= brought


def test_the_sdist_brings_the_library_and_its_papers(tmp_path: Path) -> None:
    build = f"import hatchling.build as b; b.build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=ROOT, check=True, capture_output=True)
    [packed] = tmp_path.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    papers = {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "PKG-INFO", ".gitignore"}
    assert names == _library() | papers
