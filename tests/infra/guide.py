"""What pages of the docs tell their reader to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_BLOCK = re.compile(r"```(?:python|html)\n(.*?)```", re.DOTALL)
_SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_NAMED = re.compile(r"(?:#|<!--) (\w+/[\w/]+\.(?:py|html))\b.*\n")


def blocks(*pages: Path | str) -> Iterator[tuple[str, str]]:
    """The blocks that begin with a file's name: that name, and the whole block.

    Of files, or of what is in them.
    """
    for page in pages:
        for code in _BLOCK.findall(page.read_text() if isinstance(page, Path) else page):
            if named := _NAMED.match(code):
                yield named[1], code


def typed(text: str) -> list[str]:
    """The commands that a text says to type, one a line."""
    return [line for block in _SHELL.findall(text) for line in block.splitlines()]
