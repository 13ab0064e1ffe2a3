"""A stored traceback as frames: the application's own ones apart from those of libraries. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from flowdeck.frames import is_application

_FRAME = re.compile(r'^  File "(?P<file>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<name>.+))?$')


@dataclass(frozen=True, slots=True)
class StackFrame:
    """One frame. ``own`` frames are the application's."""

    file: str
    line: int
    name: str
    code: str
    own: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Frames of the same kind that follow each other."""

    own: bool
    frames: list[StackFrame]


def groups_of(traceback: str) -> list[Group]:
    """The frames of a traceback as :mod:`traceback` writes it, in order, in groups."""
    return [
        Group(own, list(frames))
        for own, frames in groupby(_frames(traceback), key=lambda frame: frame.own)
    ]


def _frames(traceback: str) -> Iterator[StackFrame]:
    lines = traceback.splitlines()
    for number, line in enumerate(lines):
        match = _FRAME.match(line)
        if match is None:
            continue
        following = lines[number + 1] if number + 1 < len(lines) else ""
        code = following.strip() if following.startswith("    ") else ""
        file = match["file"]
        short = "/".join(file.rsplit("/", 2)[-2:])
        yield StackFrame(short, int(match["line"]), match["name"] or "", code, is_application(file))
