"""Patterns over time: what several events of one key say together, or what does not come.

A pattern is a process whose instances are the keys: what it knows of one commits with the event
that it emits and with the deliveries that it handled, and replay and verify go through it as
through any other. Its window closes by a timer.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, TypeVar, cast

from flowdeck.declare.annotations import emitted_types
from flowdeck.declare.event import Event
from flowdeck.errors import HandlerContractError, RegistrationError
from flowdeck.process_managers.declared import add_flow
from flowdeck.process_managers.flow import Chosen, Flow, Mark
from flowdeck.process_managers.instance import Process
from flowdeck.process_managers.matching import (
    MOST_TIMES,
    Kept,
    Match,
    Rule,
    Seen,
    Step,
    Watch,
    close,
    closes_at,
    settle,
    take_in,
)

F = TypeVar("F", bound=Callable[[Match], Event])
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|min|m|h|d)")
_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
LONGEST = 30 * 86_400.0
_TIMER = "closes"


class WindowClosed(Event, abstract=True):
    """Nothing is waited for any more that occurred in windows of this key until then."""

    key: str
    until: datetime


class Watching(Process[Watch]):
    """A pattern while one of the events of a key is handled."""

    rule: ClassVar[Rule]
    made: ClassVar[Callable[[Match], Event]]
    closed_type: ClassVar[type[WindowClosed] | None] = None
    prefix: ClassVar[str] = ""

    def seen(self, event: Event) -> None:
        """Take it in, and say what it completes."""
        watch = self._memory.state or Watch()
        self.state = watch
        found, note = take_in(self.rule, watch, self.rule.kept(self.envelope, event), self.now)
        self._pass_over(note)
        self._go_on(watch, found)

    def closed(self, event: WindowClosed) -> None:
        """Say what has not come."""
        self.state.closing = None  # this was the timer
        over_by = max(self.now, event.until)  # whoever lets a timer come early means that, too
        self._go_on(self.state, close(self.rule, self.state, over_by))

    def _go_on(self, watch: Watch, found: Sequence[tuple[Kept, ...]]) -> None:
        for seen in found:
            self._say(Match(self.key, seen))
        settle(watch)
        if self.closed_type is None:
            return
        first = min(watch.windows, key=lambda one: one.until, default=None)
        closing = closes_at(self.rule, first) if first is not None else None
        if closing == watch.closing:
            return
        watch.closing = closing
        if closing is None or first is None:
            self.cancel(_TIMER)
            return
        said = self.closed_type(key=self.key, until=closing)
        self.later(_TIMER, said, at=closing, stream=first.seen[-1].stream)

    def _say(self, match: Match) -> None:
        said = type(self).made(match)
        if not isinstance(said, Event):
            raise HandlerContractError(
                f"{type(self).__qualname__} returned {type(said).__name__}; a pattern returns the "
                "event that says what was seen."
            )
        causes = tuple(one.id for one in match.seen if one.id != self.envelope.id)
        stream = f"{self.prefix}{self.key}" if self.prefix else match.seen[-1].stream
        self.emit(said, stream=stream, also_caused_by=causes)


def pattern(
    name: str,
    *,
    key: str,
    within: float | str,
    of: Sequence[type[Event] | Seen],
    without: Sequence[type[Event] | Seen] = (),
    lateness: float | str = 0.0,
    keep: Sequence[str] = (),
    stream: str = "",
    streams: str = "",
    lanes: int = 16,
) -> Callable[[F], F]:
    """Declare what it means that events of one ``key`` came ``within`` a time::

        @pattern("lost-parcels", key="carrier", within="1h", of=[Seen(ParcelLost, times=3)])
        def losing(match: Match) -> CarrierSuspected: ...

        @pattern("stuck", key="parcel_id", within="2d", of=[ParcelSent], without=[ParcelArrived])
        def stuck(match: Match) -> ParcelMissed: ...

    ``of`` are parts that occur in this order; each match takes its events, and no other has them.
    With ``without`` the match is that none of these occurs, from the last of the parts until
    ``within`` after the first. Times are when events occurred, in seconds or as ``"90s"``,
    ``"10min"``, ``"2h"``, ``"3d"``. A window stays open for ``lateness`` longer, for events that
    occurred in it and come late; what comes later still is counted and noted.

    The function is pure: it returns one event, which has the last one handled as its cause and the
    others as further ones. It goes to the stream of the last part, or with ``stream="user-"`` to
    that of the key. ``keep`` are fields that it needs of the events. Only events of streams whose
    names begin with ``streams`` count. Raises RegistrationError.
    """

    def register(function: F) -> F:
        where = f"pattern {name!r} ({function.__module__}.{function.__qualname__})"
        rule = Rule(
            key=key,
            within=_seconds(where, "within", within),
            lateness=_seconds(where, "lateness", lateness),
            of=_parts(of),
            without=_parts(without),
            keep=tuple(keep),
        )
        _check(where, rule)
        if not emitted_types(function, None):
            raise RegistrationError(f"{where}: annotate which event it returns.")
        add_flow(_flow(name, function, rule, stream), function, streams=streams, lanes=lanes)
        return function

    return register


def _flow(name: str, function: Callable[[Match], Event], rule: Rule, stream: str) -> Flow:
    parts = (*rule.of, *rule.without)
    heard = [type_ for part in parts for type_ in part.type.__event_type__.names]
    closed = _closed_type(name, function) if rule.without else None
    closing = closed.__event_type__.name if closed is not None else ""
    made = types.new_class(
        function.__name__,
        (Watching,),
        exec_body=lambda body: body.update(
            __module__=function.__module__,
            __qualname__=function.__qualname__,
            __doc__=function.__doc__,
            rule=rule,
            made=staticmethod(function),
            closed_type=closed,
            prefix=stream,
        ),
    )
    cls = cast(type[Watching], made)
    seen = Chosen(cls.seen, Mark("during", tuple(Step), tuple(Step)))
    expected = {(str(step), type_): seen for step in Step for type_ in heard}
    if closed is not None:
        ends = Chosen(cls.closed, seen.mark)
        expected |= {(str(step), closing): ends for step in Step}

    def key_of(event: Event) -> str | None:
        return event.key if isinstance(event, WindowClosed) else rule.key_of(event)

    return Flow(
        name=name,
        version=1,
        cls=cls,
        state=Watch,
        ends=frozenset(),
        missing="note",
        beginnings=dict.fromkeys(heard, seen),
        expected=expected,
        others={},
        emits=(*(emitted_types(function, None) or ()), *([closing] if closing else [])),
        key_of=key_of,
        waits_for=closing,
        idle_after=rule.open_for,
    )


def _closed_type(name: str, function: Callable[..., Any]) -> type[WindowClosed]:
    """The event of the timer: each pattern has its own, so that no other is told."""
    made = types.new_class(
        "WindowClosed",
        (WindowClosed,),
        {"name": f"{name}.WindowClosed", "version": 1},
        lambda body: body.update(
            __module__=function.__module__,
            __qualname__=f"{function.__qualname__}.WindowClosed",
            __doc__=WindowClosed.__doc__,
        ),
    )
    return cast(type[WindowClosed], made)


def _parts(given: Sequence[type[Event] | Seen]) -> tuple[Seen, ...]:
    return tuple(one if isinstance(one, Seen) else Seen(one) for one in given)


def _seconds(where: str, what: str, given: float | str) -> float:
    if isinstance(given, str):
        found = _SPAN.fullmatch(given)
        given = float(found[1]) * _UNITS[found[2]] if found else -1.0
    if not 0 <= given <= LONGEST:
        raise RegistrationError(
            f"{where}: {what}= is seconds, or like '90s', '10min', '2h', '3d', and 30 days at most."
        )
    return float(given)


def _check(where: str, rule: Rule) -> None:
    if not rule.of or not 1 <= len(rule.slots) <= MOST_TIMES:
        raise RegistrationError(f"{where}: of= is from 1 to {MOST_TIMES} events that are to come.")
    if rule.within <= 0:
        raise RegistrationError(f"{where}: within= must be above 0.")
    if len(rule.slots) == 1 and not rule.without:
        raise RegistrationError(
            f"{where}: one event is no pattern. Say times=, more parts, or without=; or subscribe "
            "a processor to it."
        )
    for part in (*rule.of, *rule.without):
        type_ = part.type.__event_type__
        if rule.key not in part.type.model_fields:
            raise RegistrationError(f"{where}: key={rule.key!r} is not a field of {type_.name}.")
        if personal := {rule.key, *rule.keep} & type_.personal.keys():
            raise RegistrationError(
                f"{where}: {type_.name}.{min(personal)} is personal, and what a pattern knows is "
                "kept as it is: use a number that names the person."
            )
