"""Reading ``*.plant``: which lines are taken out of which file, and which tests miss them.

A plant begins with ``## `` and its mechanism as docs/guarantees.md names it, then ``database:``
with the tests that must fail on it. Below, ``@@ file`` begins a change: lines with ``-`` are
replaced by those with ``+``; with a blank in front they only say where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ROW = re.compile(r"^\| (?!taken out|-)(.+?) \| .*`")


@dataclass
class Change:
    """Lines of one file, before and after."""

    file: str
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def made_in(self, root: Path) -> str:
        """The file's text with the change made. Raises LookupError if it does not fit once."""
        text = (root / self.file).read_text()
        before = "".join(f"{line}\n" for line in self.before)
        if text.count(before) != 1:
            raise LookupError(f"{self.file} has {text.count(before)} times:\n{before}")
        return text.replace(before, "".join(f"{line}\n" for line in self.after))


@dataclass
class Plant:
    """A mechanism, how it is taken out, and the tests that miss it (database, node id)."""

    mechanism: str
    tests: list[tuple[str, str]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    @property
    def in_database(self) -> bool:
        """Whether the tables have to be made anew for it."""
        return any(change.file.endswith(".sql") for change in self.changes)


def plants() -> list[Plant]:
    """All of them, file by file."""
    files = sorted(Path(__file__).parent.glob("*.plant"))
    return [plant for file in files for plant in _parsed(file.read_text().splitlines())]


def _parsed(lines: list[str]) -> Iterator[Plant]:
    plant: Plant | None = None
    for line in lines:
        if line.startswith("## "):
            if plant is not None:
                yield plant
            plant = Plant(line[3:])
        elif plant is not None and line.startswith(("sqlite: ", "postgresql: ")):
            database, _, test = line.partition(": ")
            plant.tests.append((database, test))
        elif plant is not None and line.startswith("@@ "):
            plant.changes.append(Change(line[3:]))
        elif plant is not None and plant.changes and line[:1] in (" ", "-", "+"):
            change = plant.changes[-1]
            change.before += [line[1:]] * (line[0] != "+")
            change.after += [line[1:]] * (line[0] != "-")
    if plant is not None:
        yield plant


def mechanisms() -> list[str]:
    """The first column of the tables of docs/guarantees.md."""
    lines = (ROOT / "docs" / "guarantees.md").read_text().splitlines()
    return [found[1] for line in lines if (found := _ROW.match(line))]
