"""``permissions.txt`` read and written: one line for each thing, one word for each person."""

from __future__ import annotations

from pathlib import Path

PEOPLE = ("nobody", "customer", "other", "viewer", "operator", "teacher", "admin")
NOT_ASKED = "?"
FILE = Path(__file__).with_name("permissions.txt")

Table = dict[str, tuple[str, ...]]


def read() -> Table:
    """The cells by the thing's name. Fails if a line has not one word for each person."""
    table: Table = {}
    for line in FILE.read_text().splitlines():
        if not line or line.startswith(("#", " ")):
            continue
        *name, cells = line.split("|")
        words = tuple(cells.split())
        assert len(words) == len(PEOPLE), f"{FILE.name}: not {len(PEOPLE)} cells: {line}"
        thing = name[0].strip()
        assert thing not in table, f"{FILE.name}: twice: {thing}"
        table[thing] = words
    return table


def differences(stated: Table, found: Table) -> str:
    """What is wrong, as lines to read, or to put into the table after thinking about them."""
    lines = [f"not in {FILE.name}: {line(one, found[one])}" for one in found if one not in stated]
    lines += [f"in {FILE.name}, but there is no such thing: {one}" for one in stated.keys() - found]
    for thing in stated.keys() & found.keys():
        cells = zip(PEOPLE, stated[thing], found[thing], strict=True)
        lines += [
            f"{thing}: {who} should get {s}, gets {f}"
            for who, s, f in cells
            if f not in (s, NOT_ASKED)
        ]
    return "\n".join(lines)


def line(thing: str, cells: tuple[str, ...]) -> str:
    """One line of the file."""
    return f"{thing:<58}| " + " ".join(f"{cell:<8}" for cell in cells).rstrip()
