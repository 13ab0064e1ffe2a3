"""Our own JavaScript stays small enough to be read, and to be loaded at once."""

from __future__ import annotations

import gzip
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(f for one in ("static", "flowdeck/static") for f in (_ROOT / one).rglob("*.js"))


def test_all_of_it_is_small() -> None:
    assert sum(len(gzip.compress(file.read_bytes())) for file in FILES) <= 70 * 1024


def test_no_file_is_long() -> None:
    lengths = {file.name: len(file.read_text().splitlines()) for file in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > 200} == {}
