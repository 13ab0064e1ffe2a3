"""What a rule measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Measured(NamedTuple):
    """The value, what it is about (a group, a stream), and the processor whose work that is."""

    value: float
    about: str = ""
    processor: str = ""


MOST = 10_000
"""Rows that are counted at most."""

NOTHING = Measured(0)


def worst(found: Mapping[str, float]) -> Measured:
    """The highest of what was found of processors or connectors, the first by name of equals."""
    name = max(sorted(found), key=found.__getitem__, default="")
    return Measured(found[name], name, name) if name else NOTHING
