"""The public edge: what ``flowdeck.extend`` names is documented, and is all that apps import."""

from __future__ import annotations

import re
from pathlib import Path

from flowdeck import extend

_ROOT = Path(__file__).resolve().parents[2]


def test_every_hook_is_documented() -> None:
    text = (_ROOT / "docs" / "extending.md").read_text()
    missing = [name for name in extend.__all__ if not re.search(rf"\b{name}\b", text)]
    assert missing == []
