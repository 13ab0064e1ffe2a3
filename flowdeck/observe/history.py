"""Time travel: the state of one thing as of each event of its stream.

An app says how its state follows from its events::

    history.register("parcel-", start=Parcel(), evolve=evolve)   # evolve(state, event) -> state

For other streams the state is what the payloads say, the newest last. Both are computed from the
log alone, never from a read model, and from masked events: a state is shown to whoever may see the
log, so no rule is handed a personal value that it could pass on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from pydantic_core import to_jsonable_python

from flowdeck.declare.event import Event, StoredEvent
from flowdeck.errors import FlowdeckError
from flowdeck.log.append import read_stream
from flowdeck.log.payloads import load
from flowdeck.models import Stream
from flowdeck.privacy.masking import masked, masked_event

State = Mapping[str, Any]
Evolve = Callable[[Any, Event], Any]

WINDOW = 60
"""Events that are shown at once, around the chosen one."""

LONGEST = 20_000
"""A state is folded from at most so many events."""

_CHUNK = 1_000
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Fold:
    """How a state begins, and what an event makes of it (a pure function)."""

    start: Any
    evolve: Evolve


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a state as JSON text; ``before`` is what it was, if the event changed it."""

    name: str
    text: str
    before: str | None = None

    @property
    def changed(self) -> bool:
        """Whether the event changed it."""
        return self.before is not None


@dataclass(frozen=True, slots=True)
class Step:
    """One event, and the state after it. ``problem`` says why the event changed nothing."""

    event: StoredEvent
    state: State
    values: tuple[Value, ...]
    problem: str = ""

    @property
    def changes(self) -> list[Value]:
        """What the event changed."""
        return [value for value in self.values if value.changed]


@dataclass(frozen=True, slots=True)
class History:
    """Steps of a stream around event ``at``; ``head`` is how many events it has in all.

    ``typed`` says whether the state is the app's own, ``archived`` whether the events that it is
    to be folded from are no longer all in the log.
    """

    stream: str
    head: int
    at: int
    typed: bool
    steps: tuple[Step, ...]
    archived: bool = False

    def step(self, sequence: int) -> Step | None:
        """The step of this event, if it is among those shown."""
        return next((step for step in self.steps if step.event.sequence == sequence), None)


_folds: dict[str, Fold] = {}


def register(prefix: str, start: Any, evolve: Evolve) -> None:
    """Fold streams whose name begins with ``prefix`` with ``evolve``, beginning at ``start``.

    The state is a dataclass, a pydantic model or a mapping. ``evolve`` gets masked events.
    """
    _folds[prefix] = Fold(start, evolve)


def fold_of(stream: str) -> Fold | None:
    """The registered fold of a stream, or None."""
    return next((fold for prefix, fold in _folds.items() if stream.startswith(prefix)), None)


def history_of(stream: str, at: int | None = None) -> History | None:
    """The events of a stream around ``at`` (the newest by default) with the states they made.

    None if there is no such stream. Of a stream that is longer than ``LONGEST``, or whose beginning
    is archived, the states begin with an event in the middle, and what came before is left out of
    them. There are no steps if all of these events are archived.
    """
    # PostgreSQL takes no NUL, not even to look for.
    named = Stream.objects.filter(name=stream.replace("\x00", " "), head__gt=0)
    head = named.values_list("head", flat=True).first()
    if head is None:
        return None
    chosen = min(max(1, at or head), head)
    first = max(1, min(chosen - WINDOW // 2, head - WINDOW + 1))
    last = min(head, first + WINDOW - 1)
    fold, after = fold_of(stream), max(0, last - LONGEST)
    events = _events(stream, after, last)
    oldest = list(islice(events, 1))
    steps = tuple(
        step for step in _steps(fold, chain(oldest, events)) if step.event.sequence >= first
    )
    archived = not oldest or oldest[0].sequence > after + 1
    return History(
        stream=stream, head=head, at=chosen, typed=fold is not None, steps=steps, archived=archived
    )


def difference(before: State, after: State) -> list[tuple[str, str, str]]:
    """What differs between two states: name, then and then; an empty text for what is missing."""
    names = [*before, *(name for name in after if name not in before)]
    return [
        (name, _text(before.get(name, _NOTHING)), _text(after.get(name, _NOTHING)))
        for name in names
        if before.get(name, _NOTHING) != after.get(name, _NOTHING)
    ]


def _events(stream: str, after: int, upto: int) -> Iterator[StoredEvent]:
    while after < upto:
        chunk = read_stream(stream, after, min(upto, after + _CHUNK))
        yield from chunk
        after += _CHUNK


def _steps(fold: Fold | None, events: Iterator[StoredEvent]) -> Iterator[Step]:
    state: Any = fold.start if fold else {}
    before = _values(state)
    for stored in events:
        state, problem = _evolved(fold, state, stored)
        after = before if problem else _values(state)
        yield Step(stored, after, _lines(before, after), problem)
        before = after


def _evolved(fold: Fold | None, state: Any, stored: StoredEvent) -> tuple[Any, str]:
    if fold is None:
        return {**state, **masked(stored.type, stored.payload)}, ""
    try:
        return fold.evolve(state, masked_event(load(stored))), ""
    except FlowdeckError as error:  # an unknown type or version is kept in the log, and shown raw
        return state, str(error)


def _values(state: Any) -> State:
    values = to_jsonable_python(state)
    return values if isinstance(values, dict) else {"value": values}


def _lines(before: State, after: State) -> tuple[Value, ...]:
    return tuple(
        Value(
            name,
            _text(value),
            None if before.get(name, _NOTHING) == value else _text(before.get(name, _NOTHING)),
        )
        for name, value in after.items()
    )


def _text(value: Any) -> str:
    return "" if value is _NOTHING else json.dumps(value, ensure_ascii=False)
