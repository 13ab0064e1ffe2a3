"""``python -m tests.dead_code``: names of the packages that nobody uses, by vulture.

Vulture reads Python only, so what templates name is told to it. Tests count as users, but their own
names are not looked at. What frameworks look for by name is in ``[tool.vulture]``.
"""

from __future__ import annotations

import re
import sys
import tomllib
from fnmatch import fnmatch
from keyword import iskeyword
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).parent.parent
_NAME = re.compile(r"[A-Za-z_]\w+")
_TAG = re.compile(r"{[{%].+?[%}]}")
_CERTAIN = 60  # per cent: vulture's own for a name that it sees nowhere else


def unused() -> list[str]:
    """A line for each name that is defined in the packages and used nowhere."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["vulture"]
    vulture = Vulture(
        ignore_names=settings["ignore_names"], ignore_decorators=settings["ignore_decorators"]
    )
    vulture.scavenge([str(ROOT / one) for one in (*settings["packages"], *settings["users"])])
    vulture.scan("\n".join(sorted(_in_templates())), filename="templates")
    found = []
    for one in vulture.get_unused_code(min_confidence=_CERTAIN):
        path = str(Path(one.filename).relative_to(ROOT))
        if not any(fnmatch(path, skipped) for skipped in settings["skipped"]):
            found.append(f"{path}:{one.first_lineno}: {one.message}")
    return found


def _in_templates() -> set[str]:
    """Words within tags and variables, also where they follow a dot."""
    return {
        name
        for folder in ("templates", "flowdeck/templates")
        for page in (ROOT / folder).rglob("*.*")
        for tag in _TAG.findall(page.read_text())
        for name in _NAME.findall(tag)
        if not iskeyword(name)
    }


if __name__ == "__main__":
    lines = unused()
    print("\n".join(lines) or "No dead code.")
    sys.exit(bool(lines))
