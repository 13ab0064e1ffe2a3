"""The lines between who produces a type, the type, and who listens to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

ROW, GAP, WIDTH = 32.0, 6.0, 36.0
_HEAD = 5.0


@dataclass(frozen=True, slots=True)
class Ways:
    """SVG paths from the producers to the middle, and from there to the listeners."""

    height: float
    incoming: list[str]
    outgoing: list[str]


def ways_between(producers: int, listeners: int) -> Ways:
    """Between so many boxes on either side; each side is centred, and has one box at least."""
    before, after = max(producers, 1), max(listeners, 1)
    height = max(before, after, 2) * (ROW + GAP) - GAP
    half = height / 2
    return Ways(
        height,
        [_bend(y, half) for y in _middles(before, height)],
        [_bend(half, y) for y in _middles(after, height)],
    )


def _middles(count: int, height: float) -> list[float]:
    top = (height - count * (ROW + GAP) + GAP) / 2
    return [top + number * (ROW + GAP) + ROW / 2 for number in range(count)]


def _bend(start: float, end: float) -> str:
    x, half = WIDTH - 1, WIDTH / 2
    return (
        f"M0 {start:.1f}C{half:.1f} {start:.1f} {half:.1f} {end:.1f} {x:.1f} {end:.1f}"
        f"m{-_HEAD} {-_HEAD + 1}L{x:.1f} {end:.1f}l{-_HEAD} {_HEAD - 1}"
    )
