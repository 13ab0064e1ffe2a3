"""The tree of a trace, row by row: causes, effects, hops, and spans of other programs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flowdeck.dashboard.shared.shapes import Rect, Words
from flowdeck.dashboard.trace.foreign import ForeignNode
from flowdeck.dashboard.trace.hops import Hop
from flowdeck.models import Timer
from flowdeck.observe.traces import DeliveryNode, EventNode, Trace, Try

ROW = 31
_DEEPEST = 12  # levels drawn; deeper ones stand at this one


@dataclass(slots=True)
class Row:
    """One line of tree and chart: an event, a delivery, an attempt, a timer, a hop or a span."""

    kind: str
    id: str
    level: int
    guides: tuple[str, ...]
    event: EventNode
    top: float = 0
    delivery: DeliveryNode | None = None
    attempt: Try | None = None
    timer: Timer | None = None
    hop: Hop | None = None
    span: ForeignNode | None = None
    folded: bool | None = None
    on_path: bool = False
    selected: bool = False
    bars: list[Rect] = field(default_factory=list)
    wait: tuple[float, float] | None = None
    mark: float | None = None
    words: Words | None = None

    @property
    def middle(self) -> float:
        """Its middle, from the top of the drawing."""
        return self.top + ROW / 2

    @property
    def now(self) -> bool:
        """Whether it is where the trace is just now: what runs, waits or is tried again."""
        return self.kind == "delivery" and self.delivery is not None and self.delivery.waits

    @property
    def aria_level(self) -> int:
        """Its level for those who hear the tree."""
        return self.level + 1


_Node = EventNode | DeliveryNode | Timer | Hop | ForeignNode


def walk(
    trace: Trace,
    folded: Collection[str],
    hops: Mapping[int, Sequence[Hop]],
    foreign: Sequence[ForeignNode] = (),
) -> Iterator[Row]:
    """Rows in reading order, without recursion: traces may be deep. ``foreign`` come last."""
    first = trace.roots[0]
    top: list[_Node] = [*trace.loose, *trace.roots, *foreign]
    stack: list[tuple[_Node, tuple[bool, ...]]] = [(node, ()) for node in reversed(top)]
    while stack:
        node, lasts = stack.pop()
        children: list[_Node]
        if isinstance(node, Timer):
            yield Row("timer", f"t{node.pk}", *_place(lasts), first, timer=node)
            continue
        if isinstance(node, Hop):
            name = f"h{node.event.row.position}-{node.connector}"
            yield Row("hop", name, *_place(lasts), node.event, hop=node)
            continue
        if isinstance(node, ForeignNode):
            yield Row("span", f"s{node.row.pk}", *_place(lasts), first, span=node)
            children = [*node.children]
        elif isinstance(node, EventNode):
            name = f"e{node.row.position}"
            yield Row("event", name, *_place(lasts), node, on_path=node.on_longest_path)
            over = hops.get(node.row.position, ())
            children = [
                *(hop for hop in over if hop.inward),
                *node.deliveries,
                *(hop for hop in over if not hop.inward),
                *node.followed_by,
                *node.timers,
            ]
        else:
            yield from _delivery_rows(node, lasts, folded)
            children = [*node.emitted, *node.timers]
        for place, child in reversed(list(enumerate(children, 1))):
            stack.append((child, (*lasts, place == len(children))))


def _delivery_rows(
    node: DeliveryNode, lasts: tuple[bool, ...], folded: Collection[str]
) -> Iterator[Row]:
    several = len(node.tries) > 1
    hidden = node.row.name in folded
    yield Row(
        "delivery",
        f"d{node.row.name}",
        *_place(lasts),
        node.event,
        delivery=node,
        folded=hidden if several else None,
        on_path=node.on_longest_path,
    )
    if not several or hidden:
        return
    through = (
        *("" if last else "v" for last in lasts),
        "v" if node.emitted or node.timers else "",
        "",
    )
    for one in node.tries:
        yield Row(
            kind="attempt",
            id=f"a{node.row.name}-{one.number}",
            level=len(lasts) + 1,
            guides=_clamped(through),
            event=node.event,
            delivery=node,
            attempt=one,
        )


def _place(lasts: tuple[bool, ...]) -> tuple[int, tuple[str, ...]]:
    """A row's level, and the lines before it: through (v), branch (t), last branch (l) or none."""
    if not lasts:
        return 0, ()
    through = tuple("" if last else "v" for last in lasts[:-1])
    return len(lasts), _clamped((*through, "l" if lasts[-1] else "t"))


def _clamped(guides: tuple[str, ...]) -> tuple[str, ...]:
    return guides[-_DEEPEST:]
