"""The layout of a trace's waterfall: rows, guides, bars, lines and words. Pure.

Heights are pixels, positions along the time axis percent, so the drawing stretches without script.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flowdeck.dashboard.shared.axis import Axis, Stretch, Tick
from flowdeck.dashboard.shared.shapes import Line, Rect, Words, bar_kind
from flowdeck.dashboard.trace.foreign import ForeignNode
from flowdeck.dashboard.trace.hops import Hop
from flowdeck.dashboard.trace.tree import ROW, Row, walk
from flowdeck.models import Timer
from flowdeck.observe.traces import DeliveryNode, Trace, Try

MOST_ROWS = 500
_SHORTEST = 0.35  # percent, so that the shortest bar can be seen
_BEYOND = timedelta(minutes=10)  # clocks of others may be wrong
_FAR = 82.0  # percent from which on words stand left of a bar


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The whole drawing. ``left_out`` rows did not fit."""

    rows: list[Row]
    ticks: list[Tick]
    folded: list[Stretch]
    skipped: list[Tick]
    drops: list[Line]
    height: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader chose: ``idle`` shows idle time, ``folded`` hides attempts of deliveries;
    ``view`` is "graph" or "sequence" instead of the waterfall."""

    idle: bool = False
    folded: frozenset[str] = frozenset()
    delivery: str = ""
    attempt: int | None = None
    view: str = ""


def lay_out(
    trace: Trace,
    choice: Choice | None = None,
    hops: Mapping[int, Sequence[Hop]] | None = None,
    foreign: Sequence[ForeignNode] = (),
) -> Waterfall:
    """Draw ``trace`` as the reader wants it, with the ``hops`` of its events, by position, and the
    spans of other programs on the same axis, up to ten minutes before and behind it."""
    chosen = choice or Choice()
    others = list(_stretches(trace, foreign))
    pen = _Pen(trace, chosen, others)
    rows = []
    for number, row in enumerate(walk(trace, chosen.folded, hops or {}, foreign)):
        row.top = number * ROW
        if number < MOST_ROWS:
            pen.draw(row)
        rows.append(row)
    shown = rows[:MOST_ROWS]
    return Waterfall(
        rows=shown,
        ticks=pen.axis.ticks(),
        folded=pen.axis.folded,
        skipped=pen.axis.skipped(),
        drops=list(pen.drops(shown)),
        height=len(shown) * ROW,
        left_out=len(rows) - len(shown),
    )


def _stretches(trace: Trace, foreign: Sequence[ForeignNode]) -> Iterator[tuple[datetime, datetime]]:
    """When spans of others were, no further from the trace than the axis goes."""

    def on_axis(moment: datetime) -> datetime:
        # Differences: the first and last moments there are have nothing before and after them.
        if trace.started_at - moment > _BEYOND:
            return trace.started_at - _BEYOND
        return trace.ended_at + _BEYOND if moment - trace.ended_at > _BEYOND else moment

    waiting = list(foreign)
    while waiting:
        node = waiting.pop()
        yield on_axis(node.row.started_at), on_axis(node.row.ended_at)
        waiting += node.children


class _Pen:
    """Draws rows on the axis of one trace."""

    def __init__(
        self, trace: Trace, choice: Choice, others: Sequence[tuple[datetime, datetime]]
    ) -> None:
        self._trace = trace
        self._choice = choice
        self._others = others
        self._start = min([trace.started_at, *(start for start, _ in others)])
        self._now = self._at(max([trace.ended_at, *(end for _, end in others)]))
        self.axis = Axis(self._now, self._busy(), fold=not choice.idle)

    def draw(self, row: Row) -> None:
        """Put marks, bars and words into the row."""
        delivery = row.delivery
        if row.timer is not None:
            self._draw_timer(row, row.timer)
        elif row.hop is not None:
            self._draw_hop(row, row.hop)
        elif row.span is not None:
            self._draw_span(row, row.span)
        elif delivery is None:
            self._draw_event(row)
        elif row.attempt is None:
            row.selected = delivery.row.name == self._choice.delivery and not self._choice.attempt
            self._draw_delivery(row, delivery)
        else:
            row.selected = (delivery.row.name, row.attempt.number) == (
                self._choice.delivery,
                self._choice.attempt,
            )
            self._draw_attempt(row, delivery, row.attempt)

    def drops(self, rows: list[Row]) -> Iterator[Line]:
        """The line from each event down to the last of its deliveries."""
        last: dict[int, Row] = {}
        for row in rows:
            if row.kind == "delivery":
                last[row.event.row.position] = row
        for row in rows:
            if row.kind == "event" and row.event.row.position in last and row.mark is not None:
                end = last[row.event.row.position].middle
                yield Line(row.mark, row.mark, row.middle + 6, end, "drop")

    def _draw_event(self, row: Row) -> None:
        row.mark = self.axis.x(self._at(row.event.row.recorded_at))
        since = (row.event.row.recorded_at - self._trace.started_at).total_seconds()
        if (set_at := row.event.set_at) is not None:
            row.wait = (min(self.axis.x(self._at(set_at)), row.mark), row.mark)
        if row.event.cause is None and row.event is self._trace.roots[0]:
            row.words = self._words(row.mark, row.mark, at=row.event.row.recorded_at, gap=13)
        else:
            row.words = self._words(row.mark, row.mark, seconds=max(0.0, since), gap=13)

    def _draw_timer(self, row: Row, timer: Timer) -> None:
        end = self._trace.as_of if timer.ended_at is None else timer.ended_at
        start, last = (self.axis.x(min(self._at(one), self._now)) for one in (timer.set_at, end))
        row.wait = (start, max(start, last))

    def _draw_hop(self, row: Row, hop: Hop) -> None:
        if hop.waits:
            row.wait = (self.axis.x(self._at(row.event.row.recorded_at)), self.axis.x(self._now))

    def _draw_span(self, row: Row, span: ForeignNode) -> None:
        start, end = span.row.started_at, span.row.ended_at
        kind = "b-fail" if span.row.failed else "b-span"
        bar = self._rect(start, end, 10.5, 10, kind)
        row.bars = [bar]
        seconds, right = (end - start).total_seconds(), bar.x + bar.width
        row.words = self._words(bar.x, right, seconds=seconds)
        if row.words.anchor == "end" and bar.x < 100 - _FAR:  # there is no room on either side
            row.words = Words(x=right, dx=-8, anchor="end", seconds=seconds, at=None, waits=None)

    def _draw_delivery(self, row: Row, delivery: DeliveryNode) -> None:
        came = self.axis.x(self._at(delivery.event.row.recorded_at))
        begun = self._at(delivery.tries[0].started_at) if delivery.tries else self._now
        row.wait = (came, max(self.axis.x(begun), came))
        for one in delivery.tries:
            row.bars += self._bars(delivery, one, y=9.5, height=12)
        for start, end in delivery.gaps(self._trace.as_of):
            row.bars.append(
                self._rect(start=start, end=end, y=11.5, height=8, kind="b-gap", radius=0)
            )
        if len(delivery.tries) == 1:
            row.words = self._beside(delivery.tries[0], left=came)
        elif not delivery.tries:
            waited = self._now - self._at(delivery.event.row.recorded_at)
            row.words = self._words(came, row.wait[1], seconds=waited if delivery.waits else None)

    def _draw_attempt(self, row: Row, delivery: DeliveryNode, one: Try) -> None:
        row.bars += self._bars(delivery, one, y=11.5, height=8)
        waits = None
        for start, end in delivery.gaps(self._trace.as_of):
            if start == one.finished_at:
                row.bars.append(
                    self._rect(start=start, end=end, y=12.5, height=6, kind="b-gap", radius=0)
                )
                waits = (end - start).total_seconds()
        row.words = self._beside(one, waits)

    def _bars(self, delivery: DeliveryNode, one: Try, y: float, height: float) -> list[Rect]:
        end = one.finished_at or max(self._trace.as_of, one.started_at)
        kind = bar_kind(delivery, one)
        bar = self._rect(one.started_at, end, y, height, kind)
        if one.failure is None:
            return [bar]
        wall = "b-wall b-dead" if kind == "b-dead" else "b-wall"
        return [
            bar,
            Rect(
                x=round(bar.x + bar.width, 3),
                width=0,
                y=y - 2,
                height=height + 4,
                kind=wall,
                radius=1,
            ),
        ]

    def _rect(
        self,
        start: datetime,
        end: datetime,
        y: float,
        height: float,
        kind: str,
        radius: float = 2.5,
    ) -> Rect:
        left, right = self.axis.x(self._at(start)), self.axis.x(self._at(end))
        shortest = 0.0 if kind == "b-gap" else _SHORTEST
        return Rect(
            x=left,
            width=round(max(right - left, shortest), 3),
            y=y,
            height=height,
            kind=kind,
            radius=radius,
        )

    def _beside(self, one: Try, waits: float | None = None, left: float | None = None) -> Words:
        end = one.finished_at or max(self._trace.as_of, one.started_at)
        seconds = max(0.0, (end - one.started_at).total_seconds())
        begun, right = self.axis.x(self._at(one.started_at)), self.axis.x(self._at(end))
        if waits is not None:
            right = self.axis.x(self._at(end) + waits)
        return self._words(
            begun if left is None else left,
            max(right, begun + _SHORTEST),
            seconds=seconds,
            waits=waits,
        )

    def _words(
        self,
        left: float,
        right: float,
        *,
        seconds: float | None = None,
        at: datetime | None = None,
        waits: float | None = None,
        gap: int = 8,
    ) -> Words:
        far = right > (_FAR if waits is None else _FAR - 20)
        x, dx, anchor = (left, -gap, "end") if far else (right, gap, "start")
        return Words(x=round(x, 3), dx=dx, anchor=anchor, seconds=seconds, at=at, waits=waits)

    def _busy(self) -> Iterator[tuple[float, float]]:
        for start, end in self._others:
            yield self._at(start), self._at(end)
        for event in self._trace.events:
            moment = self._at(event.row.recorded_at)
            yield moment, moment
            for delivery in event.deliveries:
                for one in delivery.tries:
                    end = one.finished_at or self._trace.as_of
                    yield self._at(one.started_at), max(self._at(end), self._at(one.started_at))

    def _at(self, moment: datetime) -> float:
        return max(0.0, (moment - self._start).total_seconds())


__all__ = ["ROW", "Choice", "Row", "Waterfall", "lay_out"]
