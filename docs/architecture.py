"""``make picture``: draws docs/architecture.svg, packages and rooms with who imports whom, anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from functools import cache
from pathlib import Path

from grimp import ImportGraph, build_graph
from importlinter.api import read_configuration

from flowdeck.dashboard.flow.layout import layered
from flowdeck.dashboard.flow.place import Layout, Link

PICTURE = Path(__file__).with_suffix(".svg")
LIBRARY = "flowdeck"
READ_BY_NAME = "read by name"
"""The modules that Django, Celery or readers look for by their names, as one box."""

_HEIGHT, _EDGE = 26.0, 24.0
_STYLE = """
  :root { --ink: #1f2430; --line: #8a93a3; --box: #fff; --back: #f3f5f8; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #eceff4; --line: #76808f; --box: #242933; --back: #171b22; }
  }
  text { font: 12px ui-monospace, "JetBrains Mono", Menlo, Consolas, monospace; fill: var(--ink);
    text-anchor: middle; dominant-baseline: central; }
  .frame { fill: var(--back); stroke: var(--line); }
  .box { fill: var(--box); stroke: var(--line); }
  .line { fill: none; stroke: var(--line); stroke-width: 1.2; marker-end: url(#tip); }
  #tip path { fill: var(--line); }
"""


@cache
def links() -> frozenset[Link]:
    """Who imports whom: rooms of the library, and packages; without what follows from others."""
    graph = build_graph(*_packages(), cache_dir=None)
    return _reduced(_between(graph, _package)) | _reduced(_between(graph, _room))


def rooms() -> list[str]:
    """The folders of the library that stand in the picture."""
    names = {name for link in links() for name in link} - {*_packages()}
    return sorted(name for name in names if (PICTURE.parents[1] / LIBRARY / name).is_dir())


@cache
def _packages() -> tuple[str, ...]:
    return tuple(read_configuration()["session_options"]["root_packages"])


@cache
def _read_by_name() -> list[str]:
    contracts = read_configuration()["contracts_options"]
    layers = next(one["layers"] for one in contracts if one["id"] == "library")
    return [name.strip() for name in layers[0].split(":")]


def _package(module: str) -> str:
    return module.partition(".")[0]


def _room(module: str) -> str:
    """The room of a module of the library; nothing for other packages and for migrations."""
    words = module.split(".")
    if words[0] != LIBRARY or len(words) == 1 or words[1] == "migrations":
        return ""
    return READ_BY_NAME if words[1] in _read_by_name() else words[1]


def _between(graph: ImportGraph, part_of: Callable[[str], str]) -> set[Link]:
    pairs = {
        (part_of(one), part_of(other))
        for one in graph.modules
        for other in graph.find_modules_directly_imported_by(one)
    }
    return {(one, other) for one, other in pairs if one and other and one != other}


def _reduced(pairs: set[Link]) -> frozenset[Link]:
    """Without the links that others imply: a to c, when there is a way from a over b to c."""
    return frozenset(link for link in pairs if link[1] not in _reached(link[0], pairs - {link}))


def _reached(start: str, pairs: set[Link]) -> set[str]:
    seen, ahead = set[str](), [start]
    while ahead:
        here = ahead.pop()
        new = {other for one, other in pairs if one == here} - seen
        seen |= new
        ahead += new
    return seen


def drawn(pairs: Set[Link]) -> str:
    """The picture as SVG: from above to below, readable on light and on dark."""
    above = {link for link in pairs if set(link) <= set(_packages())}
    packages, inside = _laid_out(above), _laid_out(pairs - above)
    width = max(packages.height, inside.height) + 2 * _EDGE
    top = packages.boxes[LIBRARY].x + _HEIGHT / 2 + _EDGE / 2  # the frame begins at its name
    height = top + inside.width + 2 * _EDGE
    frame = f'y="{top:g}" width="{width - _EDGE:g}" height="{height - top - _EDGE / 2:g}"'
    parts = [
        f'<rect class="frame" x="{_EDGE / 2:g}" {frame} rx="8"/>',
        *_drawing(packages, (width - packages.height) / 2, _EDGE / 2),
        *_drawing(inside, (width - inside.height) / 2, top + _EDGE),
    ]
    return _svg(width, height, parts)


def _laid_out(pairs: Set[Link]) -> Layout:
    """Lying down, from left to right, as the flow map is; it is turned when it is drawn."""
    names = {name for link in pairs for name in link}
    return layered({name: (_HEIGHT, len(name) * 7.3 + 20) for name in names}, pairs)


def _drawing(layout: Layout, x: float, y: float) -> Iterable[str]:
    yield f'<g transform="translate({x:g} {y:g}) matrix(0 1 1 0 0 0)">'
    for (one, other), path in sorted(layout.paths.items()):
        yield f'<path class="line" data-from="{one}" data-to="{other}" d="{path}"/>'
    yield "</g>"
    for name, box in sorted(layout.boxes.items()):
        at = f'x="{x + box.y:.1f}" y="{y + box.x:.1f}"'
        yield f'<rect class="box" {at} width="{box.height:g}" height="{box.width:g}" rx="5"/>'
        middle = f'x="{x + box.middle:.1f}" y="{y + box.x + box.width / 2:.1f}"'
        yield f"<text {middle}>{name}</text>"


def _svg(width: float, height: float, parts: Iterable[str]) -> str:
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    title = "<title>Packages and rooms, and who imports whom</title>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">{title}'
    return "\n".join([head, f"<style>{_STYLE}</style>", tip, *parts, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(drawn(links()))
    print(f"Drawn: {PICTURE}")
