"""Why a trace is not over, or what usually follows has not come: in one chain of causes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from flowdeck import words
from flowdeck.declare.registry import registry
from flowdeck.declare.states import OVER, DeliveryState
from flowdeck.models import ProcessStep, Timer
from flowdeck.observe.traces import DeliveryNode, EventNode, Trace
from flowdeck.process_managers.declared import flows, newest
from flowdeck.why import ground as grounds
from flowdeck.why import timers, waiting
from flowdeck.why.answer import UNDER_WAY, Chain, Fact, Found, Kind, Link, Way, severity
from flowdeck.why.ground import Ground, held_of
from flowdeck.why.usual import Follows, Usual, usual

_LIKELY = (Kind.OUTSIDE, Kind.OTHERWISE)
MOST_FACTS = 7


class Question:
    """About one trace and, of a record, further ones; ``focus`` narrows it to an event of it, and
    there to ``processor``."""

    def __init__(
        self,
        trace: Trace,
        further: Sequence[Trace] = (),
        focus: int | None = None,
        processor: str = "",
    ) -> None:
        self._trace, self._further = trace, further
        self._focus, self._processor = focus, processor

    def answer(self) -> Found:
        """All of it; a constant number of queries."""
        missing, explained = self._missing.values(), self._explained.values()
        blocking = {chain.root for chain in missing if chain.root.kind not in _LIKELY}
        chains = [*missing, *explained, *self._of_timers(), *self._unheard()]
        chains.sort(
            key=lambda one: (not self._blocks(one, blocking), severity(one), -len(one.facts))
        )
        if not chains:
            return Found(None, ruled_out=self._ruled_out())
        first = chains[0]
        others = list(dict.fromkeys(one.root for one in chains if one.root != first.root))
        worth = [one for one in others if one.kind not in (*UNDER_WAY, *_LIKELY)]
        return Found(
            self._with_what_is_missing(first),
            tuple(worth[:3]),
            self._ruled_out(first),
        )

    # What is read ------------------------------------------------------------------------

    @cached_property
    def _usual(self) -> Usual:
        if self._trace.cut or not self._trace.roots:
            return Usual()
        root = self._trace.roots[0].row
        so_far = {event.row.type for event in self._trace.events}
        found = usual(root.type, so_far, root.correlation_id)
        return found if found.known else Usual(found.of)

    @cached_property
    def _nodes(self) -> list[DeliveryNode]:
        nodes = [one for trace in (self._trace, *self._further) for one in trace.deliveries]
        if self._focus is not None:
            inside = set(_under(self._trace.events, self._focus))
            nodes = [one for one in nodes if one.row.event_id in inside]
        if self._processor:
            nodes = [
                one
                for one in nodes
                if one.processor == self._processor and one.row.event_id == self._focus
            ]
        return nodes

    @cached_property
    def _open(self) -> list[DeliveryNode]:
        return [node for node in self._nodes if node.state not in OVER]

    @cached_property
    def _ground(self) -> Ground:
        names = {one.producer for one in self._usual.follows}
        return grounds.read(names, [held_of(node) for node in self._open])

    @cached_property
    def _explained(self) -> dict[tuple[int, str], Chain]:
        """Why each that is not done is not, by position and processor."""
        return {
            (node.row.event_id, node.processor): waiting.explain(
                held_of(node), node.state, self._ground
            )
            for node in self._open
        }

    @cached_property
    def _notes(self) -> dict[tuple[str, int], ProcessStep]:
        """What processes noted of events that they did not expect, by process and position."""
        done = [one for one in self._nodes if one.processor in flows and one.state in OVER]
        steps = ProcessStep.objects.filter(
            process__in={one.processor for one in done},
            key__in={one.event.row.key for one in done},
            position__in=[one.row.event_id for one in done],
        )
        found = steps if done else ()
        return {(one.process, one.position): one for one in found if one.position is not None}

    # What is missing ---------------------------------------------------------------------

    @cached_property
    def _missing(self) -> dict[str, Chain]:
        """Each usual type that has not come, with why; in the order of causes."""
        found: dict[str, Chain] = {}
        for one in () if self._processor else self._usual.follows:
            chain = self._why_missing(one, found)
            if chain is not None:
                found[one.type] = chain
        return found

    def _why_missing(self, one: Follows, before: dict[str, Chain]) -> Chain | None:
        causes = [event for event in self._trace.events if event.row.type == one.cause]
        own = [d for event in causes for d in event.deliveries if d.processor == one.producer]
        for node in own:
            if (node.row.event_id, node.processor) in self._explained:
                return self._explained[node.row.event_id, node.processor]
        if one.by_timer and (timer := self._timer_of(one.types)) is not None:
            return timers.explain(timer, self._ground)
        if (chain := self._upstream(one, before)) is not None:
            return chain
        if own:
            return self._said_nothing(own[-1], one)
        return self._not_handed(causes[-1], one) if causes else None

    def _upstream(self, one: Follows, before: dict[str, Chain]) -> Chain | None:
        """What it hears is missing itself; who has heard some of it waits for the rest."""
        heard = {one.cause, *_heard_by(one.producer)}
        awaited = [
            other.type
            for other in self._usual.follows
            if other.type in before and heard & {*other.types}
        ]
        if not awaited:
            return None
        if all(node.processor != one.producer for node in self._nodes):
            return before[awaited[0]]
        waits = f"{one.producer} waits for {words.listed(awaited)}"
        fact = Fact(Kind.WAITS_FOR, waits, Link("processor", one.producer))
        return before[awaited[0]].then(fact)

    def _said_nothing(self, node: DeliveryNode, one: Follows) -> Chain:
        """Its processor is through with the cause, and has not said it."""
        link = Link("event", str(node.row.event_id))
        what = f"{node.event.row.type} of {node.event.row.stream}"
        if node.state == DeliveryState.DISCARDED:
            said = f"Somebody has discarded {what} for {node.processor}: it is given up for good"
            fact = Fact(Kind.DISCARDED, said, link, node.row.finished_at)
            again = "the event is in the log still: `manage.py flowdeck redeliver` gives it again"
            return Chain((fact,), (Way(f"Give it to {node.processor} again", again, link),))
        step = self._notes.get((node.processor, node.row.event_id))
        if step is not None and step.note:
            where = f"was in step {step.to_step}" if step.to_step else "had not begun"
            told = f"where {node.event.row.type} is not expected: {step.note}"
            said = f"{node.processor} {where}, {told}"
            instance = Link("process", f"{node.processor}:{step.key}")
            return Chain((Fact(Kind.IN_STEP, said, instance, step.at),))
        said = f"{node.processor} is done with {what} and did not say {one.type}, which {one.said}"
        return Chain((Fact(Kind.OTHERWISE, said, link, node.row.finished_at),))

    def _not_handed(self, event: EventNode, one: Follows) -> Chain:
        """Its cause is there, and no delivery of it for whoever usually says it."""
        name, type_, stream = one.producer, event.row.type, event.row.stream
        link = Link("event", str(event.row.position))
        declared = registry.processors.get(name)
        if declared is None and not self._ground.lanes.get(name):
            said = (
                f"{one.type} has not come: {name or 'somebody outside'} publishes it, no processor"
            )
            return Chain((Fact(Kind.OUTSIDE, said, link, event.row.recorded_at, more=one.said),))
        if declared is None:
            why, way = "no installed app declares it any more", f"Declare {name} again"
        elif type_ not in declared.subscriptions:
            why, way = f"it does not subscribe to {type_}", f"Subscribe {name} to {type_}"
        elif not stream.startswith(declared.streams):
            why = f"it listens to streams {declared.streams}… only"
            way = f"Let {name} listen to {stream}"
        else:
            why = "it was published by code that did not know the subscription"
            way = f"Give the event to {name}"
        said = f"{name} has no delivery of {type_} of {stream}: {why}"
        more = f"{one.type}, which it says, {one.said}"
        ways = (Way(way, "then redeliver the event: it is in the log", link),)
        return Chain(
            (Fact(Kind.NOT_SUBSCRIBED, said, link, event.row.recorded_at, more=more),), ways
        )

    # Beside it ---------------------------------------------------------------------------

    def _timer_of(self, types: Sequence[str]) -> Timer | None:
        found = [timer for timer in self._trace.timers if timer.type in types]
        return max(found, key=lambda timer: (timer.ended_at is None, timer.pk), default=None)

    def _of_timers(self) -> Iterator[Chain]:
        """Of the open one that is due next, and the last one that was refused."""
        known = self._trace.timers if self._focus is None else []
        known = [timer for timer in known if not _watches(timer)]
        open_ = [timer for timer in known if timer.ended_at is None]
        refused = [timer for timer in known if timer.ended_as == Timer.End.REFUSED]
        for timer in (*open_[:1], *refused[-1:]):
            yield timers.explain(timer, self._ground)

    def _unheard(self) -> Iterator[Chain]:
        """A trace that is one event, which nobody hears."""
        if len(self._trace.events) != 1 or self._trace.deliveries or self._usual.known:
            return
        row = self._trace.events[0].row
        if self._trace.timers or any(registry.listeners(row.type, row.stream)):
            return
        link = Link("event", str(row.position))
        said = f"Nobody subscribes to {row.type} in the stream {row.stream}"
        way = Way(f"Declare a processor for {row.type}", "then redeliver the event", link)
        yield Chain((Fact(Kind.NOT_SUBSCRIBED, said, link, row.recorded_at),), (way,))

    def _blocks(self, chain: Chain, blocking: set[Fact]) -> bool:
        """Whether it keeps back what usually follows, or (if that is not known) any event."""
        if self._usual.follows:
            return chain.root in blocking
        names = {fact.link.name for fact in chain.facts if fact.link.kind == "processor"}
        names |= {name for (_, name), one in self._explained.items() if one == chain}
        return any(_says_more(name) for name in names)

    def _with_what_is_missing(self, chain: Chain) -> Chain:
        missing = self._missing
        names = [name for name, one in missing.items() if one.root == chain.root]
        if not names or chain.root.kind in UNDER_WAY:
            return Chain(chain.facts[:MOST_FACTS], chain.ways)
        longest = max((missing[name] for name in names), key=lambda one: len(one.facts))
        by_type = {one.type: one for one in self._usual.follows}
        verb = "does" if len(names) == 1 else "do"
        shown = words.listed(names[:4]) if len(names) < 5 else f"{', '.join(names[:4])} and more"
        said = f"So {shown} {verb} not come"
        link = Link("trace", str(self._trace.correlation_id))
        told = by_type[names[0]].said if len(names) == 1 else by_type[names[0]].said_of_many
        fact = Fact(Kind.MISSING, said, link, more=told)
        kept = longest.facts if longest.root == chain.root else chain.facts
        return Chain((*kept[: MOST_FACTS - 1], fact), chain.ways or longest.ways)

    def _ruled_out(self, chain: Chain | None = None) -> tuple[str, ...]:
        return tuple(_ruled_out(self._ground, chain, self._usual, self._trace))


def _ruled_out(ground: Ground, chain: Chain | None, known: Usual, trace: Trace) -> Iterator[str]:
    kind = chain.root.kind if chain else None
    if kind not in (Kind.NO_WORKER, Kind.WRONG_QUEUE) and ground.workers:
        yield f"No worker is missing: {len(ground.workers)} alive."
    names = sorted(ground.lanes)
    if names and kind != Kind.PAUSED:
        free = [name for name in names if name not in ground.paused]
        if free:
            yield f"{words.listed(free[:4])} {words.noun(len(free), 'is', 'are')} not paused."
    if kind not in (Kind.BREAKER, Kind.LIMIT) and ground.controls:
        yield f"No breaker is open and no limit reached of {words.listed(ground.controls)}."
    if not trace.to_come and kind not in (Kind.TIMER_OPEN, Kind.TIMERS_HELD, Kind.TIMER_OVERDUE):
        yield "No timer of it is open."
    if known.known and not known.follows:
        yield f"All that usually follows is there (as in {known.of} traces that began alike)."
    elif not known.known:
        yield f"What usually follows is not known: {known.of} traces like it are over."


def _under(events: Iterable[EventNode], position: int) -> Iterator[int]:
    """The event and all that follow from it; causes have lower positions."""
    inside = {position}
    for event in events:
        if event.cause is not None and event.cause.row.position in inside:
            inside.add(event.row.position)
    yield from inside


def _heard_by(name: str) -> tuple[str, ...]:
    declared = registry.processors.get(name)
    return declared.subscriptions if declared else ()


def _says_more(name: str) -> bool:
    declared = registry.processors.get(name)
    return declared is None or declared.emits != ()


def _watches(timer: Timer) -> bool:
    """Whether it is that of a pattern: it waits for the others, and they don't for it."""
    return timer.producer in flows and newest(timer.producer).idle_after is not None
