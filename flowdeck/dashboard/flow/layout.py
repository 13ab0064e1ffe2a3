"""The layout of the flow map: a layered drawing of boxes and lines. Pure.

The method is that of K. Sugiyama, S. Tagawa and M. Toda, "Methods for Visual Understanding of
Hierarchical System Structures" (IEEE Trans. SMC 11(2), 1981): turn back the lines that close
cycles, put every box into a layer by the longest path to it, let long lines pass through layers
between by invisible boxes, order each layer by the barycenters of its neighbours, then place.
Placing keeps the order and moves each box as near as it may to the mean of its neighbours: least
squares by pooling adjacent violators (R. Barlow et al., 1972).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise

from flowdeck.dashboard.flow.place import GAP_X, Item, Layout, Link, Name, place

_SWEEPS = 12


def layered(
    sizes: Mapping[Name, tuple[float, float]],
    links: Iterable[Link],
    labelled: Collection[Link] = (),
    gap: float = GAP_X,
) -> Layout:
    """Draw boxes of these ``sizes`` (width, height) and the links between them, left to right, with
    a ``gap`` between the columns; ``labelled`` links get a place for a label that meets no other.

    The same input gives the same drawing. Links that close a cycle lead back below all boxes.
    """
    if not sizes:
        return Layout()
    wanted = sorted({(a, b) for a, b in links if a in sizes and b in sizes})
    back = frozenset(_closing(sorted(sizes), wanted))
    forward = [link for link in wanted if link not in back]
    layer_of = _layers(sorted(sizes), forward)
    layers, near = _with_passing(layer_of, forward)
    _order(layers, near)
    ways = {link: _way(layer_of, *link) for link in forward}
    return place(
        sizes=sizes,
        layers=layers,
        near=near,
        ways=ways,
        back=sorted(back),
        labelled=labelled,
        gap=gap,
    )


def _closing(names: Sequence[Name], links: Sequence[Link]) -> set[Link]:
    """Links that lead back, so that without them there is no cycle, and few of them.

    The greedy order of P. Eades, X. Lin and W. Smyth, "A fast and effective heuristic for the
    feedback arc set problem" (Inf. Proc. Letters 47, 1993): who has most ways out comes first,
    and of equals who is nearest to where flows start and joins least.
    """
    depth, joins = _depths(names, links), Counter(target for _, target in links)
    left, first, last = dict.fromkeys(names), list[Name](), list[Name]()
    outs, ins = _beside(names, links)
    while left:
        name = next((n for n in left if not outs[n]), None)
        if name is not None:
            last.append(name)
        else:
            name = min(
                left,
                key=lambda n: (bool(ins[n]), len(ins[n]) - len(outs[n]), depth[n], joins[n], n),
            )
            first.append(name)
        del left[name]
        for other in outs.pop(name):
            ins[other].discard(name)
        for other in ins.pop(name):
            outs[other].discard(name)
    place_of = {name: number for number, name in enumerate([*first, *reversed(last)])}
    return {link for link in links if place_of[link[0]] >= place_of[link[1]]}


def _beside(
    names: Sequence[Name], links: Sequence[Link]
) -> tuple[dict[Name, set[Name]], dict[Name, set[Name]]]:
    """Where each leads to and comes from, without what leads to itself."""
    outs: dict[Name, set[Name]] = {name: set() for name in names}
    ins: dict[Name, set[Name]] = {name: set() for name in names}
    for source, target in links:
        if source != target:
            outs[source].add(target)
            ins[target].add(source)
    return outs, ins


def _depths(names: Sequence[Name], links: Sequence[Link]) -> dict[Name, int]:
    """Fewest steps from a name that nothing leads to; many for what is only reached in a circle."""
    outs, ins = _beside(names, links)
    depth = {name: 0 for name in names if not ins[name]}
    ready = list(depth)
    for name in ready:
        for target in sorted(outs[name]):
            if target not in depth:
                depth[target] = depth[name] + 1
                ready.append(target)
    return {name: depth.get(name, len(names)) for name in names}


def _layers(names: Sequence[Name], links: Sequence[Link]) -> dict[Name, int]:
    """The length of the longest path to each name."""
    after: dict[Name, list[Name]] = defaultdict(list)
    waits = dict.fromkeys(names, 0)
    for source, target in links:
        after[source].append(target)
        waits[target] += 1
    layer = dict.fromkeys(names, 0)
    ready = [name for name in names if not waits[name]]
    for name in ready:
        for target in after[name]:
            layer[target] = max(layer[target], layer[name] + 1)
            waits[target] -= 1
            if not waits[target]:
                ready.append(target)
    for name in names:  # what nothing leads to moves right, next to what it leads to
        if layer[name] == 0 and after[name]:
            layer[name] = min(layer[target] for target in after[name]) - 1
    return layer


def _with_passing(
    layer_of: Mapping[Name, int], links: Sequence[Link]
) -> tuple[list[list[Item]], dict[Item, list[Item]]]:
    """The layers with a place for each long line that passes, and who is next to whom."""
    layers: list[list[Item]] = [[] for _ in range(max(layer_of.values()) + 1)]
    near: dict[Item, list[Item]] = defaultdict(list)
    for name in sorted(layer_of):
        layers[layer_of[name]].append(name)
    for source, target in links:
        way = _way(layer_of, source, target)
        for number, item in enumerate(way[1:-1], layer_of[source] + 1):
            layers[number].append(item)
        for one, other in pairwise(way):
            near[one].append(other)
            near[other].append(one)
    return layers, near


def _way(layer_of: Mapping[Name, int], source: Name, target: Name) -> list[Item]:
    """The items that a link goes through, its ends included."""
    between = range(layer_of[source] + 1, layer_of[target])
    return [source, *((source, target, layer) for layer in between), target]


def _order(layers: list[list[Item]], near: Mapping[Item, list[Item]]) -> None:
    """Sort each layer by the barycenters of its neighbours, sweeping to and fro; keep the best."""
    best, fewest = [list(layer) for layer in layers], _crossings(layers, near)
    for sweep in range(_SWEEPS):
        numbers = range(1, len(layers)) if sweep % 2 == 0 else range(len(layers) - 2, -1, -1)
        for number in numbers:
            beside = number - 1 if sweep % 2 == 0 else number + 1
            at = {item: place for place, item in enumerate(layers[beside])}
            own = {item: place for place, item in enumerate(layers[number])}
            centre = {item: _mean([at[n] for n in near[item] if n in at]) for item in own}
            layers[number].sort(
                key=lambda i, c=centre, o=own: (o[i] if c[i] is None else c[i], o[i])  # type: ignore[misc]
            )
        crossings = _crossings(layers, near)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best


def _crossings(layers: Sequence[Sequence[Item]], near: Mapping[Item, list[Item]]) -> int:
    count = 0
    for left, right in pairwise(layers):
        at = {item: place for place, item in enumerate(right)}
        passed: list[int] = []
        for item in left:
            for end in sorted((at[n] for n in near[item] if n in at), reverse=True):
                count += len(passed) - bisect_right(passed, end)
                insort(passed, end)
    return count


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
