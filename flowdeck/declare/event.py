"""Events: typed, frozen, versioned payloads, and the envelope they are stored in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_jsonable_python

from flowdeck.declare.collected import Collected
from flowdeck.declare.metadata import came_via
from flowdeck.declare.outside import Answers, AsksOutside
from flowdeck.declare.personal import Personal, personal_fields
from flowdeck.declare.round_trip import RoundTrip, round_trip
from flowdeck.declare.timing import Cancel, When, when
from flowdeck.errors import InvalidEnvelope, RegistrationError
from flowdeck.stored_json import read_object


@dataclass(frozen=True, slots=True)
class EventType:
    """What the log needs to know of one declared event class.

    ``key_field`` names the payload field that order is kept by (None: the stream). ``refusal``
    says when the event reports a "no" of the business, for the pages: always (True), never
    (False), or when the payload has all of the given values. ``personal`` are the fields about a
    person, by name. ``round_trip`` says whether each event is to be read again before it is
    stored. ``was`` are names that it had before.
    """

    name: str
    version: int
    cls: type[Event]
    key_field: str | None = None
    refusal: bool | Mapping[str, Any] = False
    personal: Mapping[str, Personal] = field(default_factory=dict)
    round_trip: RoundTrip = field(default_factory=RoundTrip)
    was: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The name that it is stored by from now on, and those that it was stored by before."""
        return (self.name, *self.was)

    def is_refusal(self, data: Mapping[str, Any]) -> bool:
        """Whether this payload (as stored JSON) reports a business refusal."""
        if isinstance(self.refusal, bool):
            return self.refusal
        return all(data.get(name) == value for name, value in self.refusal.items())

    def erased(self, name: str) -> Any:
        """What a personal field (by its name, or one it had before) is once it was erased."""
        for field_name, mark in self.personal.items():
            if name == field_name or name in mark.was:
                return to_jsonable_python(mark.erased)
        return None


_NAME = re.compile(r"\w[\w.-]{0,99}")
on_declared: list[Callable[[EventType], None]] = []
"""Who is told of each declared event type: the registry puts itself here."""


class Event(BaseModel):
    """Base class of all events. Subclass it with a past-tense name and typed fields::

        class ParcelSent(Event, version=1):
            parcel_id: int
            total: Decimal

    Class arguments: ``name`` (``"parcels.sent"``; that of the class by default), ``was`` (names
    that it had before: what is stored by them is read as this class), ``version`` (from 1),
    ``key`` (payload field that order is kept by; the stream by default), ``refusal`` (see
    :class:`EventType`), ``abstract=True`` for bases that are not event types. Fields about a person
    are marked with :class:`flowdeck.Personal`. Instances are immutable, compare by value and refuse
    unknown fields. Fields that can't be read as they were published (aliases, secrets, ``Json``,
    ...) raise RegistrationError, which says what to do.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    __event_type__: ClassVar[EventType]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Keep the class arguments from ``object``; pydantic hands them to the hook below."""
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        name: str = "",
        was: Sequence[str] = (),
        version: int = 1,
        key: str | None = None,
        refusal: bool | Mapping[str, Any] = False,
        abstract: bool = False,
        **kwargs: Any,
    ) -> None:
        """Register the subclass as an event type."""
        super().__pydantic_init_subclass__(**kwargs)
        if abstract:
            return
        for one in (name or cls.__name__, *was):
            if not _NAME.fullmatch(one) or isinstance(was, str):
                raise RegistrationError(
                    f"{cls.__name__}: a name is 1 to 100 letters, digits, '-', '_' or '.', and "
                    f"was= is a list of such; it has {one!r}."
                )
        if version < 1:
            raise RegistrationError(f"{cls.__name__}: version must be 1 or more, not {version}.")
        if key is not None and key not in cls.model_fields:
            raise RegistrationError(f"{cls.__name__}: key={key!r} is not one of its fields.")
        personal = personal_fields(cls)
        if key in personal:
            raise RegistrationError(f"{cls.__name__}: its key {key!r} is personal; keys are shown.")
        cls.__event_type__ = EventType(
            name=name or cls.__name__,
            was=tuple(was),
            version=version,
            cls=cls,
            key_field=key,
            refusal=refusal,
            personal=personal,
            round_trip=round_trip(cls),
        )
        for note in on_declared:
            note(cls.__event_type__)


@dataclass(frozen=True, slots=True)
class Expectation:
    """``stream`` must be at ``sequence`` before an event is appended (0: it must not exist yet)."""

    stream: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Draft:
    """An event about to be appended, with what differs from the defaults of its context.

    ``stream`` falls back to the stream of the cause; ``correlation_id`` and ``causation_id`` to
    those of the current context; ``also_caused_by`` are further causes of a join (event ids of the
    same correlation). ``occurred_at`` is when it happened, if that is not when it is recorded.
    ``traceparent`` names the span that publishes it (see :mod:`flowdeck.spans`).
    ``hops`` is how many effects lead from the first event of its trace to it; whoever lets time
    pass in between, as a timer does, begins at 0 again. ``id`` is given by whoever knows that the
    same event may come again; else it is a new one. ``when`` is given to what is to
    be appended later. ``came`` names the connector by which it came in and whose message it was,
    ``via`` is the id of the message by which its trace came in last. ``expects`` says where streams
    must be before it is appended, whatever is appended together with it.
    """

    event: Event
    stream: str | None = None
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    also_caused_by: tuple[UUID, ...] = ()
    producer: str | None = None
    occurred_at: datetime | None = None
    hops: int = 0
    id: UUID | None = None
    when: When | None = None
    once: tuple[UUID, ...] = ()
    number: int = 0
    traceparent: str = ""
    via: str = ""
    came: tuple[str, str] | None = None
    expects: tuple[Expectation, ...] = ()


NOT_EXPECTED = "What is expected of a stream now can't be told of what is appended later."


@dataclass(frozen=True)
class StoredEvent:
    """One row of the log: the envelope, and the payload as the JSON text that was stored."""

    position: int
    id: UUID
    stream: str
    sequence: int
    type: str
    version: int
    data: str
    metadata: Mapping[str, Any]
    key: str
    correlation_id: UUID
    causation_id: UUID | None
    producer: str
    occurred_at: datetime
    recorded_at: datetime

    @property
    def hops(self) -> int:
        """How many effects lead from the first event of its trace to it."""
        hops = self.metadata.get("hops", 0)
        return hops if type(hops) is int and hops > 0 else 0

    @property
    def via(self) -> str:
        """The id of the message by which its trace came in last; empty if it began here."""
        return came_via(self.metadata)

    def hops_of_effect(self, later: When | None) -> int:
        """How many lead to what it causes; from 0 again for what comes a second or more later."""
        return 0 if later is not None and later.pauses else self.hops + 1

    @cached_property
    def payload(self) -> dict[str, Any]:
        """The stored payload as plain JSON values, not upcast."""
        return read_object(self.data)


@dataclass(slots=True)
class Delivery(AsksOutside):
    """One event on its way to one processor, as its handler sees it.

    ``attempt`` counts from 1. ``idempotency_key`` is the same on every attempt: pass it to the
    outside world. ``replaying`` is true while a projection is run over past events again.
    ``traceparent`` names the span of this attempt, if there is one: pass it on in calls.
    """

    processor: str
    attempt: int
    envelope: StoredEvent
    replaying: bool = False
    answers: Answers | None = None
    traceparent: str = field(default="", init=False)
    savepoints: InitVar[int | None] = None
    emitted: Collected[Draft | Cancel] = field(init=False)

    def __post_init__(self, savepoints: int | None) -> None:
        """``savepoints``: see :class:`Collected`."""
        self.emitted = Collected(savepoints)

    @property
    def id(self) -> int:
        """Names it among the deliveries of its processor: the position of its event."""
        return self.envelope.position

    @property
    def idempotency_key(self) -> str:
        """Names this piece of work towards the outside world, the same on every attempt."""
        return f"{self.processor}:{self.envelope.id}"

    def emit(
        self,
        event: Event,
        *,
        stream: str | None = None,
        also_caused_by: tuple[UUID, ...] = (),
        expected_sequence: int | None = None,
        expects: Mapping[str, int] | None = None,
        in_: float | None = None,
        at: datetime | None = None,
        timer: str | None = None,
        replace: bool = True,
    ) -> None:
        """Append ``event`` with this delivery's event as its cause when the handler succeeds.

        If a savepoint or an atomic block around the call is rolled back, the event goes with it.
        ``stream`` defaults to the stream of the cause. With ``expected_sequence`` it is appended
        only if the stream is at that sequence, with ``expects={stream: sequence}`` if all of these
        are; if one has grown, the handler is called again.
        With ``in_`` or ``at`` it is appended later, as by :func:`flowdeck.publish`.
        """
        later, expected = when(in_, at, timer, replace), dict(expects or {})
        if expected_sequence is not None:
            expected[stream or self.envelope.stream] = expected_sequence
        if expected and later is not None:
            raise InvalidEnvelope(NOT_EXPECTED)
        draft = Draft(
            event,
            stream=stream or self.envelope.stream,
            correlation_id=self.envelope.correlation_id,
            causation_id=self.envelope.id,
            also_caused_by=also_caused_by,
            producer=self.processor,
            hops=self.envelope.hops_of_effect(later),
            when=later,
            via=self.envelope.via,
            expects=tuple(Expectation(*one) for one in expected.items()),
        )
        self.emitted.extend([draft])

    def cancel(self, timer: str, *, stream: str | None = None) -> None:
        """Let the open ``timer`` of ``stream`` not come, if the handler succeeds.

        ``stream`` defaults to the stream of the cause. To cancel one that has come, or that there
        never was, is no error.
        """
        self.emitted.extend([Cancel(stream or self.envelope.stream, timer, self.processor)])
