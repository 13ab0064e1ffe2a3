"""A trace as a sequence diagram: who said what to whom, in order. Pure.

Down the page goes what happened one after another, not the time: each step takes a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flowdeck.dashboard.trace.hops import Hop
from flowdeck.declare.states import DeliveryState
from flowdeck.observe.traces import DeliveryNode, EventNode, Trace, Try

MOST_STEPS = 300
PITCH, HEAD, STEP, SMALL = 148, 52, 34, 18
_WAIT = 16  # the hatched wait after a failed attempt
_LEFT = 118  # the first lifeline; times stand left of it
Hops = Mapping[int, Sequence[Hop]]
"""By the positions of their events."""


@dataclass(frozen=True, slots=True)
class Participant:
    """A lifeline; ``outside`` is an outlet: what comes there leaves the trace."""

    name: str
    x: int
    outside: bool


@dataclass(frozen=True, slots=True)
class Message:
    """An arrow: an event comes to a processor, or goes out by the ``hop`` of an outlet.

    Only the first of an event carries its name. ``target`` is None if nobody listens.
    """

    event: EventNode
    source: int
    target: int | None
    y: int
    named: bool
    hop: Hop | None = None

    @property
    def label_x(self) -> int:
        """Where the name stands: right of the lifeline that it leaves."""
        leftwards = self.target is not None and self.target < self.source
        return self.source - PITCH + 14 if leftwards else self.source + 14

    @property
    def tip(self) -> int:
        """Where the arrow ends, just before the lifeline or its bar."""
        target = self.source if self.target is None else self.target
        return target - 6 if target > self.source else target + 6


@dataclass(frozen=True, slots=True)
class Arrival:
    """An arrow from outside: a message came in, of which the event of this lifeline was made."""

    hop: Hop
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Note:
    """A failed attempt and the wait after it, on the processor's lifeline."""

    delivery: DeliveryNode
    attempt: Try
    x: int
    y: int
    waits: float | None


@dataclass(slots=True)
class Span:
    """A bar on a lifeline while its processor is at work on a delivery."""

    x: int
    top: int
    bottom: int
    kind: str

    @property
    def height(self) -> int:
        """Its length."""
        return max(self.bottom - self.top, 8)


@dataclass(slots=True)
class Drawing:
    """The whole drawing. ``left_out`` steps did not fit."""

    participants: list[Participant]
    messages: list[Message] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    times: list[tuple[int, float]] = field(default_factory=list)
    height: int = HEAD
    left_out: int = 0

    @property
    def width(self) -> int:
        """Its width."""
        return _LEFT + len(self.participants) * PITCH


def participants_of(trace: Trace, hops: Hops) -> list[str]:
    """Producers and processors in the order of their appearance, then outlets."""
    names: dict[str, None] = {}
    for event in trace.events:
        names.setdefault(event.row.producer)
        emitting = sorted(event.deliveries, key=lambda d: not d.emitted)
        names.update(dict.fromkeys(delivery.processor for delivery in emitting))
    names.update(dict.fromkeys(sorted(_outlets(hops))))
    return list(names)


def _outlets(hops: Hops) -> set[str]:
    return {hop.connector for over in hops.values() for hop in over if not hop.inward}


Moment = EventNode | tuple[DeliveryNode, Try, float | None]


def steps_of(trace: Trace) -> list[Moment]:
    """Events and failed attempts by time, the latter with the wait that followed."""
    found: list[tuple[datetime, tuple[int, str], Moment]] = [
        (event.row.recorded_at, (event.row.position, ""), event) for event in trace.events
    ]
    for delivery in trace.deliveries:
        waits = {start: (end - start).total_seconds() for start, end in delivery.gaps(trace.as_of)}
        for one in delivery.tries:
            if one.failure is not None and one.finished_at is not None:
                step = (delivery, one, waits.get(one.finished_at))
                found.append((one.finished_at, delivery.row.pk, step))
    return [step for _, _, step in sorted(found, key=lambda each: each[:2])]


def lay_out(trace: Trace, hops: Hops) -> Drawing:
    """Draw ``trace``, with the hops of its events by their positions."""
    outside = _outlets(hops)
    drawing = Drawing(
        [
            Participant(name, _LEFT + n * PITCH, name in outside)
            for n, name in enumerate(participants_of(trace, hops))
        ]
    )
    steps = steps_of(trace)
    pen = _Pen(drawing, trace.started_at, hops)
    for step in steps[:MOST_STEPS]:
        pen.draw(step)
    pen.close()
    drawing.left_out = max(0, len(steps) - MOST_STEPS)
    return drawing


class _Pen:
    """Goes down the page step by step."""

    def __init__(self, drawing: Drawing, start: datetime, hops: Hops) -> None:
        self._drawing = drawing
        self._hops = hops
        self._start = start
        self._x = {one.name: one.x for one in drawing.participants}
        self._open: dict[tuple[int, str], Span] = {}  # by delivery
        self._y = HEAD + 22

    def draw(self, step: Moment) -> None:
        """Put an event with its arrows, or a failed attempt, on the next line."""
        moment = step.row.recorded_at if isinstance(step, EventNode) else step[1].finished_at
        if moment is not None:
            seconds = max(0.0, (moment - self._start).total_seconds())
            self._drawing.times.append((self._y, seconds))
        if isinstance(step, EventNode):
            self._event(step)
        else:
            self._failure(*step)

    def close(self) -> None:
        """End the bars that are still open and the drawing."""
        for span in self._open.values():
            span.bottom = min(span.top + 14, self._y)
        self._drawing.height = self._y + 14

    def _event(self, node: EventNode) -> None:
        source, over = self._x[node.row.producer], self._hops.get(node.row.position, ())
        going = [hop for hop in over if not hop.inward]
        for hop in over:
            if hop.inward:
                self._drawing.arrivals.append(Arrival(hop, source, self._y))
                self._y += STEP
        emitter = node.emitted_by
        if emitter is not None and (span := self._open.pop(emitter.row.pk, None)):
            span.bottom = self._y
        for n, delivery in enumerate(_nearest_first(node, self._x)):
            target = self._x[delivery.processor]
            self._drawing.messages.append(Message(node, source, target, self._y, n == 0))
            span = Span(target, self._y, self._y, _kind(delivery))
            self._open[delivery.row.pk] = span
            self._drawing.spans.append(span)
            if not delivery.emitted and len(delivery.tries) < 2:
                span.bottom = self._y + 10
                del self._open[delivery.row.pk]
            self._y += SMALL
        for n, hop in enumerate(going, len(node.deliveries)):
            target = self._x[hop.connector]
            self._drawing.messages.append(Message(node, source, target, self._y, n == 0, hop))
            self._y += SMALL
        if not node.deliveries and not going:
            self._drawing.messages.append(Message(node, source, None, self._y, True))
            self._y += SMALL
        self._y += STEP - SMALL

    def _failure(self, delivery: DeliveryNode, one: Try, waits: float | None) -> None:
        x = self._x[delivery.processor]
        if (span := self._open.pop(delivery.row.pk, None)) is not None:
            span.bottom, span.kind = self._y, "b-fail"
            if waits is None:
                span.kind = _kind(delivery)
            else:
                gap = Span(x, self._y + 2, self._y + _WAIT, "b-gap")
                again = Span(x, self._y + _WAIT, self._y, _kind(delivery))
                self._drawing.spans += [gap, again]
                self._open[delivery.row.pk] = again
        self._drawing.notes.append(Note(delivery, one, x, self._y, waits))
        self._y += STEP


def _nearest_first(node: EventNode, x: dict[str, int]) -> Iterator[DeliveryNode]:
    """Those that emit something first: their arrow carries the name."""
    yield from sorted(node.deliveries, key=lambda d: (not d.emitted, x[d.processor]))


def _kind(delivery: DeliveryNode) -> str:
    if delivery.state == DeliveryState.DEAD:
        return "b-dead"
    if delivery.waits:
        return "b-run"
    return "b-done"
