"""The boxes of the flow map: their sizes, and what stands in them. Pure.

Long names of types stand on two lines; how much they matter is said by the lines that lead to them.
"""

from __future__ import annotations

import re

from flowdeck.dashboard.flow.facts import PROCESSOR, TYPE, Node

LONGEST_NAME = 26
_CHARACTER, _LINE = 7.0, 15.0  # px
_SHORT = 9  # characters that nothing is won by breaking
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[._-])")


def short(name: str) -> str:
    """The name, cut if it is long."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def label_of(node: Node) -> tuple[str, str]:
    """What stands in a box: its name, on two lines if that makes a type narrower."""
    name = short(node.name)
    if node.kind != TYPE or len(name) <= _SHORT:
        return name, ""
    breaks = [match.start() for match in _WORD.finditer(name) if 0 < match.start() < len(name)]
    if not breaks:
        return name, ""
    middle = min(breaks, key=lambda at: max(at, len(name) - at))
    return name[:middle], name[middle:]


def size_of(node: Node) -> tuple[float, float]:
    """Width and height."""
    first, second = label_of(node)
    width = max(len(first), len(second)) * _CHARACTER
    if node.kind == TYPE:
        return round(width + 26), 28.0 + (_LINE if second else 0.0)
    least = 88.0 if node.kind != PROCESSOR else 148.0 if node.standing is None else 184.0
    return max(least, round(width + 44)), 50.0
