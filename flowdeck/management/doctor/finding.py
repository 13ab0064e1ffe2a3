"""One finding of the doctor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found; if it is not well, ``remedy`` says what to do."""

    well: bool
    said: str
    remedy: str = ""
