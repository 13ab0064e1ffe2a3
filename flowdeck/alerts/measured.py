"""What a rule measured."""

from __future__ import annotations

from typing import NamedTuple


class Measured(NamedTuple):
    """The value, what it is about (a group, a stream), and the processor whose work that is."""

    value: float
    about: str = ""
    processor: str = ""


MOST = 10_000
"""Rows that are counted at most."""

NOTHING = Measured(0)
