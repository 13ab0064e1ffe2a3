"""What an app says of a flow: its state, its steps, and what to do about each event in them. Pure.

::

    class Step(StrEnum):
        PACKING = "packing"
        SENT = "sent"

    class Shipment(State):
        step: Step = Step.PACKING
        parcel_id: int

    @process("shipping", state=Shipment, ends=(Step.SENT,))
    class Shipping(Process[Shipment]):
        @starts
        def ordered(self, event: ParcelOrdered) -> PackingRequested: ...
        @during(Step.PACKING, to=Step.SENT)
        def packed(self, event: ParcelPacked) -> ParcelSent: ...
        @otherwise
        def late(self, event: ParcelPacked) -> ParcelUnpacked | None: ...

Methods are found by these marks and by the events in their annotations. They are pure: they change
``self.state`` and return events, and send no statement. That is what makes replay true.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal, TypeVar

from flowdeck.declare.annotations import annotated_events, emitted_types
from flowdeck.declare.event import Event
from flowdeck.declare.personal import personal_fields
from flowdeck.errors import RegistrationError
from flowdeck.process_managers.instance import Process
from flowdeck.process_managers.state import State, steps_of

Missing = Literal["note", "keep", "dead"]
Kind = Literal["starts", "during", "otherwise"]
Method = Callable[..., Any]
M = TypeVar("M", bound=Method)
_MARK = "__flowdeck_process__"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a method is for: the ``steps`` it is called in, and where it may lead (empty: any)."""

    kind: Kind
    steps: tuple[str, ...] = ()
    to: tuple[str, ...] = ()


def starts(method: M) -> M:
    """Mark a method of a process: its event begins an instance. It sets ``self.state``."""
    setattr(method, _MARK, Mark("starts"))
    return method


def during(*steps: StrEnum, to: StrEnum | tuple[StrEnum, ...] = ()) -> Callable[[M], M]:
    """Mark a method of a process: its event is expected in these steps.

    ``to`` are the steps that it may lead to; to end in another one is a HandlerContractError.
    """
    targets = (to,) if isinstance(to, StrEnum) else to

    def mark(method: M) -> M:
        setattr(method, _MARK, Mark("during", tuple(steps), tuple(targets)))
        return method

    return mark


def otherwise(method: M) -> M:
    """Mark a method of a process: for its event in any other step, and after the end."""
    setattr(method, _MARK, Mark("otherwise"))
    return method


@dataclass(frozen=True, slots=True)
class Chosen:
    """A method by its function, and what it was marked with."""

    function: Method
    mark: Mark


@dataclass(frozen=True, slots=True)
class Flow:
    """A version of a process as declared. ``expected`` has methods by step and type of event.

    With ``key_of`` it says itself which instance an event is for, or that it is for none. Before
    an event of the type ``waits_for`` is handed over, all that was recorded before it was. An
    instance that nothing has come for during ``idle_after`` knows nothing that is needed.
    """

    name: str
    version: int
    cls: type[Process[Any]]
    state: type[State]
    ends: frozenset[str]
    missing: Missing
    beginnings: Mapping[str, Chosen]
    expected: Mapping[tuple[str, str], Chosen]
    others: Mapping[str, Chosen]
    emits: tuple[str, ...]
    key_of: Callable[[Event], str | None] | None = None
    waits_for: str = ""
    idle_after: timedelta | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """All steps, as the state's StrEnum has them."""
        return tuple(steps_of(self.state))

    @property
    def types(self) -> frozenset[str]:
        """The events that it listens to."""
        return frozenset((*self.beginnings, *(t for _, t in self.expected), *self.others))


def flow_of(
    name: str,
    cls: type[Process[Any]],
    state: type[State],
    ends: Iterable[StrEnum],
    version: int,
    missing: Missing,
    emits: Iterable[type[Event]] | None,
) -> Flow:
    """Read a class that is to be a process. Raises RegistrationError."""
    where = f"process {name!r} ({cls.__module__}.{cls.__qualname__})"
    known = _checked_steps(where, state)
    beginnings: dict[str, Chosen] = {}
    expected: dict[tuple[str, str], Chosen] = {}
    others: dict[str, Chosen] = {}
    said: list[str] = []
    for one in _marked(cls):
        mark = one.mark
        if unknown := [name for name in (*mark.steps, *mark.to) if name not in known]:
            raise RegistrationError(f"{where}: {unknown[0]!r} is no step of {state.__name__}.")
        said += emitted_types(one.function, None) or ()
        for type_ in annotated_events(one.function, _event_of(where, one.function), where):
            if not mark.steps:
                _once(where, beginnings if mark.kind == "starts" else others, type_, one)
            for step in mark.steps:
                _once(where, expected, (step, type_), one)
    if not beginnings:
        raise RegistrationError(f"{where}: no method begins an instance; mark one with @starts.")
    last = frozenset(str(one) for one in ends)
    if not last or last - known:
        raise RegistrationError(
            f"{where}: ends= names the steps in which an instance is over, at least one of "
            f"{', '.join(sorted(known))}, not {sorted(last)}."
        )
    given = [one.__event_type__.name for one in emits] if emits is not None else said
    return Flow(
        name=name,
        version=version,
        cls=cls,
        state=state,
        ends=last,
        missing=missing,
        beginnings=beginnings,
        expected=expected,
        others=others,
        emits=tuple(dict.fromkeys(given)),
    )


def _once(where: str, methods: dict[Any, Chosen], what: Any, one: Chosen) -> None:
    if what in methods:
        raise RegistrationError(
            f"{where}: {methods[what].function.__name__} and {one.function.__name__} are both for "
            f"{what}. Keep one."
        )
    methods[what] = one


def _event_of(where: str, function: Method) -> str:
    parameters = list(inspect.signature(function).parameters)
    if len(parameters) != 2:
        raise RegistrationError(f"{where}: {function.__name__} takes (self, event).")
    return parameters[1]


def _marked(cls: type) -> Iterator[Chosen]:
    for name in dir(cls):
        function = getattr(cls, name)
        mark = getattr(function, _MARK, None)
        if isinstance(mark, Mark):
            yield Chosen(function, mark)


def _checked_steps(where: str, state: type[State]) -> frozenset[str]:
    steps = steps_of(state)
    if not steps:
        raise RegistrationError(
            f"{where}: give {state.__name__} a field `step: Step`, whose type is a StrEnum of the "
            "flow's steps."
        )
    if personal := personal_fields(state):
        raise RegistrationError(
            f"{where}: {state.__name__}.{next(iter(personal))} is personal. A state is kept as it "
            "is: keep a number that names the person, and look the rest up where it is sealed."
        )
    return frozenset(steps)
