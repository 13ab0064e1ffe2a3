"""The hue of a producer and of a correlation, the same on every page.

A hue is a class name (``css/marks.css``), never a colour. Apps may choose the hues of their own
producers with :func:`assign`; the others get one by a hash of the name, so it never changes.
"""

from __future__ import annotations

from uuid import UUID
from zlib import crc32

PRODUCER_HUES = ("indigo", "teal", "clay", "leaf", "magenta", "slate")
CORRELATION_HUES = 10
_assigned: dict[str, str] = {}


def assign(**hues: str) -> None:
    """Give producers their hues: ``assign(tracking="teal")``. Raises ValueError."""
    for producer, hue in hues.items():
        if hue not in PRODUCER_HUES:
            known = ", ".join(PRODUCER_HUES)
            raise ValueError(f"Producer {producer!r}: no hue {hue!r}. Choose one of {known}.")
        _assigned[producer] = hue


def producer_hue(producer: str) -> str:
    """Class of a producer's hue."""
    hue = _assigned.get(producer) or PRODUCER_HUES[crc32(producer.encode()) % len(PRODUCER_HUES)]
    return f"p-{hue}"


def correlation_hue(correlation_id: UUID | str) -> str:
    """Class of a correlation's hue. The id's end counts: its start is the time."""
    return f"c{int(str(correlation_id)[-8:], 16) % CORRELATION_HUES}"
