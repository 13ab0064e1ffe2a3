"""The place of the dead letters on the flow map: below all else, with ways down to them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from flowdeck.dashboard.flow.place import Box, Layout, Link, Name, Point, free

_ALONG = 0.56  # of the width: where the box begins
_GAP, _MARGIN = 8.0, 14.0
_OUT, _STEP = 0.55, 4.0  # of the gap, to the way down; px between two of them
_LOWER = 12.0  # below the middle of a box: the other lines leave there
_CORNER = 6.0


def with_below(
    layout: Layout, name: Name, size: tuple[float, float], sources: Sequence[Name]
) -> Layout:
    """The layout with one more box at its foot, and a way to it from each of ``sources``.

    The box stands where it stands whoever leads to it, so that it does not move.
    """
    width, height = size
    box = Box(0, round(layout.width * _ALONG, 1), layout.height + _GAP, width, height)
    paths, labels = dict(layout.paths), dict(layout.labels)
    right = max(layout.width, box.right + _MARGIN)
    before: Counter[int] = Counter()
    for source in sorted(sources):
        start = layout.boxes[source]
        out = _edge(layout, start.layer) + _OUT * layout.gap + _STEP * before[start.layer]
        before[start.layer] += 1
        link: Link = (source, name)
        paths[link], points = _down(start, out, box)
        labels[link] = free(points, labels.values())
        right = max(right, out + _MARGIN)
    boxes = {**layout.boxes, name: box}
    bottom = round(box.y + height + _MARGIN, 1)
    return replace(
        layout, boxes=boxes, paths=paths, labels=labels, width=round(right, 1), height=bottom
    )


def _edge(layout: Layout, layer: int) -> float:
    return max(box.right for box in layout.boxes.values() if box.layer == layer)


def _down(start: Box, out: float, box: Box) -> tuple[str, list[Point]]:
    """Out at the right, down between two columns, and along the foot of the map."""
    y, c, middle = start.middle + _LOWER, _CORNER, box.middle
    path = f"M{start.right:.1f} {y:.1f}H{out - c:.1f}q{c} 0 {c} {c}"
    if box.x - c < out < box.right + c:  # straight from above
        inside = min(max(out, box.x + c), box.right - c)
        points = [(inside, y + (box.y - y) * part) for part in (0.5, 0.7, 0.3)]
        return f"{path}V{box.y - 2 * c:.1f}L{inside:.1f} {box.y:.1f}", points
    turn = f"q0 {c} {c} {c}H{box.x:.1f}" if out < box.x else f"q0 {c} {-c} {c}H{box.right:.1f}"
    end = box.x if out < box.x else box.right
    points = [(out + (end - out) * part, middle) for part in (0.12, 0.3, 0.5, 0.7, 0.9)]
    return f"{path}V{middle - c:.1f}{turn}", points
