"""Coordinates of the flow map, given the layers and the order of the nodes in them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

GAP_X, GAP_Y, EDGE = 46.0, 18.0, 20.0
_BACK = 20.0  # between the ways back below the map
_PASSING, _GAP_PASSING = 10.0, 8.0  # what a long line takes in a layer that it passes
_SWEEPS = 8
_CORNER = 6.0
_LABEL = 52.0, 17.0  # room that a label takes
_FOR_LABEL = 16.0  # how much wider a gap is that has labels in it
_ON_BEND = 0.5, 0.62, 0.38, 0.56, 0.44  # parts of a bend where it may stand

Name = str
Link = tuple[Name, Name]
Point = tuple[float, float]
Item = Name | tuple[Name, Name, int]
"""A box by its name, or where a link passes through a layer."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its left upper corner and size, and its layer from the left."""

    layer: int
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """Its middle, from above."""
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Layout:
    """All boxes, the way of each link as an SVG path, which of them lead back, and where labels
    stand: of those links that have one and room for it."""

    boxes: dict[Name, Box] = field(default_factory=dict)
    paths: dict[Link, str] = field(default_factory=dict)
    labels: dict[Link, Point] = field(default_factory=dict)
    back: frozenset[Link] = frozenset()
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class _Column:
    left: float
    right: float


def place(
    sizes: Mapping[Name, tuple[float, float]],
    layers: Sequence[Sequence[Item]],
    near: Mapping[Item, Sequence[Item]],
    ways: Mapping[Link, Sequence[Item]],
    back: Sequence[Link],
    labelled: Collection[Link],
    gap: float = GAP_X,
) -> Layout:
    """Coordinates of everything; ``ways`` are the items that each forward link goes through."""
    middles = _middles(sizes, layers, near)
    ends = {way[-1] for link, way in ways.items() if link in labelled}
    columns = _columns(sizes, layers, ends, gap)
    boxes = {
        item: Box(number, columns[number].left, middles[item] - sizes[item][1] / 2, *sizes[item])
        for number, layer in enumerate(layers)
        for item in layer
        if isinstance(item, str)
    }
    floor = max([box.y + box.height for box in boxes.values()], default=0.0)
    floor = max([floor, *(middle + _PASSING for middle in middles.values())])
    paths: dict[Link, str] = {}
    labels: dict[Link, Point] = {}
    for link, way in ways.items():
        paths[link], points = _forward(way, boxes, middles, columns)
        if link in labelled and (point := free(points, labels.values())):
            labels[link] = point
    for number, link in enumerate(back):
        low = floor + EDGE + number * _BACK
        paths[link], label = _backward(boxes[link[0]], boxes[link[1]], columns, low, number)
        if link in labelled:
            labels[link] = label
    height = floor + EDGE + (len(back) * _BACK + EDGE / 2 if back else 0)
    width = columns[-1].right + EDGE * 1.5
    return Layout(
        boxes=boxes,
        paths=paths,
        labels=labels,
        back=frozenset(back),
        width=round(width, 1),
        height=round(height, 1),
    )


def _columns(
    sizes: Mapping[Name, tuple[float, float]],
    layers: Sequence[Sequence[Item]],
    ends: Collection[Item],
    gap: float,
) -> list[_Column]:
    """The columns, farther apart where the ways that end in them (at ``ends``) have labels."""
    found, left = [], EDGE
    for number, layer in enumerate(layers):
        if number and any(item in ends for item in layer):
            left += _FOR_LABEL
        right = left + max([sizes[item][0] for item in layer if isinstance(item, str)], default=0.0)
        found.append(_Column(left, right))
        left = right + gap
    return found


def _middles(
    sizes: Mapping[Name, tuple[float, float]],
    layers: Sequence[Sequence[Item]],
    near: Mapping[Item, Sequence[Item]],
) -> dict[Item, float]:
    middles: dict[Item, float] = {}
    offsets = [_offsets(layer, sizes) for layer in layers]
    for layer, offset in zip(layers, offsets, strict=True):
        half = offset[-1] / 2 if offset else 0.0
        middles.update({item: at - half for item, at in zip(layer, offset, strict=True)})
    for sweep in range(_SWEEPS):
        numbers = range(len(layers)) if sweep % 2 == 0 else range(len(layers) - 1, -1, -1)
        for number in numbers:
            wanted = [
                _mean([middles[n] for n in near.get(i, ())], middles[i]) for i in layers[number]
            ]
            moved = _nearest(wanted, offsets[number])
            middles.update(zip(layers[number], moved, strict=True))
    top = min(middles[item] - _height(item, sizes) / 2 for layer in layers for item in layer)
    return {item: round(middle - top + EDGE, 1) for item, middle in middles.items()}


def _offsets(layer: Sequence[Item], sizes: Mapping[Name, tuple[float, float]]) -> list[float]:
    """How far below the first each item must be at least, middle to middle."""
    found, below = [], 0.0
    for number, item in enumerate(layer):
        if number:
            other = layer[number - 1]
            boxes = isinstance(item, str) and isinstance(other, str)
            gap = GAP_Y if boxes else _GAP_PASSING
            below += (_height(other, sizes) + _height(item, sizes)) / 2 + gap
        found.append(below)
    return found


def _nearest(wanted: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """Places nearest to those wanted (least squares) that keep order and distances."""
    blocks: list[tuple[float, int]] = []  # mean and number of those that push each other
    for place_, offset in zip(wanted, offsets, strict=True):
        mean, count = place_ - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, number = blocks.pop()
            mean = (before * number + mean * count) / (number + count)
            count += number
        blocks.append((mean, count))
    level = [mean for mean, count in blocks for _ in range(count)]
    return [one + offset for one, offset in zip(level, offsets, strict=True)]


def _forward(
    way: Sequence[Item],
    boxes: Mapping[Name, Box],
    middles: Mapping[Item, float],
    columns: Sequence[_Column],
) -> tuple[str, list[Point]]:
    """The path, and where on its last bend a label may stand, the best first."""
    first = boxes[str(way[0])]
    x, y = columns[first.layer].right, first.middle
    path, points = f"M{first.right:.1f} {y:.1f}H{x:.1f}", list[Point]()
    for layer, item in enumerate(way[1:], first.layer + 1):
        column, below = columns[layer], middles[item]
        half = (x + column.left) / 2
        path += f"C{half:.1f} {y:.1f} {half:.1f} {below:.1f} {column.left:.1f} {below:.1f}"
        points = [_on_curve(x, y, column.left, below, part) for part in _ON_BEND]
        x, y = column.right, below
        if item != way[-1]:
            path += f"H{x:.1f}"
    return path, points


def _on_curve(x: float, y: float, to_x: float, to_y: float, part: float) -> Point:
    """A point of the bend from one place to another; it starts and ends level."""
    rest = 1 - part
    along = 1.5 * rest * part + part**3  # Bernstein, both control points at half the way
    return (
        round(x + (to_x - x) * along, 1),
        round(y + (to_y - y) * (3 * part**2 - 2 * part**3), 1),
    )


def free(points: Sequence[Point], taken: Iterable[Point]) -> Point | None:
    """The first point where a label meets none of those that stand already, if there is one."""
    stand = list(taken)
    for x, y in points:
        if all(abs(x - other) > _LABEL[0] or abs(y - below) > _LABEL[1] for other, below in stand):
            return x, y
    return None


def _backward(
    source: Box, target: Box, columns: Sequence[_Column], low: float, number: int
) -> tuple[str, Point]:
    """Out at the right, down beside the column, left below everything, up again and in."""
    step = 8.0 + number * 4 % 20  # less than any gap
    out, home = columns[source.layer].right + step, columns[target.layer].left - step
    c = _CORNER
    path = (
        f"M{source.right:.1f} {source.middle:.1f}H{out - c:.1f}q{c} 0 {c} {c}V{low - c:.1f}"
        f"q0 {c} {-c} {c}H{home + c:.1f}q{-c} 0 {-c} {-c}V{target.middle + c:.1f}"
        f"q0 {-c} {c} {-c}H{target.x:.1f}"
    )
    return path, ((out + home) / 2, low)


def _height(item: Item, sizes: Mapping[Name, tuple[float, float]]) -> float:
    return sizes[item][1] if isinstance(item, str) else _PASSING


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
