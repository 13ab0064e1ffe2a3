"""The registry: event types, processors, and who hears what."""

from __future__ import annotations

import inspect
import types
import typing
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, TypeVar

from flowdeck.conf import conf
from flowdeck.declare.event import Event, EventType, on_declared
from flowdeck.declare.limits import Breaker, Limits
from flowdeck.declare.retry import Retry
from flowdeck.errors import RegistrationError, UnknownEventType, UnknownProcessor

SLOTS = 1024
Handler = TypeVar("Handler", bound=Callable[..., Any])
OnDead = Literal["park", "skip"]
_LONGEST_TIMEOUT = 86_400
_NONE, _NAME = type(None), "__event_type__"


def slot_of(key: str) -> int:
    """The slot (0..1023) that a key always falls into."""
    return zlib.crc32(key.encode()) % SLOTS


@dataclass(frozen=True)
class Processor:
    """A named subscriber as declared in code.

    ``subscriptions`` are names of event types. ``lanes`` bounds how many workers work on it at
    once; ``batch_size`` how many deliveries one transaction takes. ``replayable`` marks a
    projection; ``models`` are its read models. ``streams`` is the prefix of the streams that it
    listens to (empty: all). ``emits`` are names of the event types it says it emits; None if it
    does not say (then nothing it emits is a surprise). ``mediates``: it decides each next step of
    its flows (mediator topology); the flow map can show those apart. A handler that takes longer
    than ``timeout`` seconds is stopped, and has failed. ``remembers``: it keeps a state that has
    its past events in it, so they are not given again. With ``limits`` or a ``breaker`` each call
    is handed out by the database. Of those that have work the one of the highest ``priority`` comes
    first.
    """

    name: str
    handler: Callable[..., Any]
    subscriptions: tuple[str, ...]
    retry: Retry = field(default_factory=Retry)
    atomic: bool = True
    batch: bool = False
    on_dead: OnDead = "park"
    lanes: int = 16
    batch_size: int = 500
    replayable: bool = False
    models: tuple[Any, ...] = ()
    wants_delivery: bool = True
    streams: str = ""
    emits: tuple[str, ...] | None = None
    mediates: bool = False
    timeout: float | None = None
    remembers: bool = False
    limits: Limits | None = None
    breaker: Breaker | None = None
    priority: int = 0

    @property
    def description(self) -> str:
        """First line of the handler's docstring, for the pages."""
        return (inspect.getdoc(self.handler) or "").split("\n", 1)[0]

    @property
    def limited(self) -> bool:
        """Whether the database hands out each of its calls."""
        return self.limits is not None or self.breaker is not None

    @property
    def limited_by(self) -> str:
        """The field of its events that its limits are kept apart by; "" if there is none."""
        return self.limits.by if self.limits else ""

    @property
    def where(self) -> str:
        """Dotted path of the handler, for messages."""
        return f"{self.handler.__module__}.{self.handler.__qualname__}"

    def hears(self, type_name: str, stream: str) -> bool:
        """Whether events of this type in this stream are for it."""
        return type_name in self.subscriptions and stream.startswith(self.streams)


class Subscription(NamedTuple):
    """What an append is told of a processor that subscribes to a type of its events.

    ``by``: the field of their payloads that its limits are kept apart by.
    """

    type: str
    processor: str
    streams: str
    by: str = ""

    def hears(self, stream: str) -> bool:
        """Whether an event of the type in this stream is for the processor."""
        return stream.startswith(self.streams)


class Registry:
    """All declarations of one process, filled when installed apps are discovered."""

    def __init__(self) -> None:
        self.event_types: dict[str, EventType] = {}
        self.processors: dict[str, Processor] = {}
        self.problems: list[str] = []
        self._subscribers: dict[str, tuple[Processor, ...]] = {}

    def add_event_type(self, event_type: EventType) -> None:
        """Declare an event type; a second class of the same name is kept as a problem.

        By the names that it had before it is known, too: such events are stored, and code that is
        not replaced yet goes on publishing them.
        """
        for name in event_type.names:
            known = self.event_types.get(name)
            if known is not None and _path(known.cls) != _path(event_type.cls):
                self.problems.append(
                    f"Event type {name!r} is declared twice: in {_path(known.cls)} and "
                    f"{_path(event_type.cls)}. Rename one, or give it an own name: "
                    f"class {event_type.cls.__name__}(Event, name='my_app.{name}')."
                )
                return
        for name in event_type.names:
            self.event_types[name] = (
                event_type if name == event_type.name else replace(event_type, name=name, was=())
            )

    def add_processor(self, processor: Processor) -> None:
        """Declare a processor; a second one of the same name is kept as a problem."""
        known = self.processors.get(processor.name)
        if known is not None and known.where != processor.where:
            self.problems.append(
                f"Processor {processor.name!r} is declared twice: by {known.where} and "
                f"{processor.where}. Rename one."
            )
            return
        self.processors[processor.name] = processor
        self._subscribers.clear()

    def remove_processor(self, name: str) -> None:
        """Forget a processor (a test that ends); its deliveries stay."""
        self.processors.pop(name, None)
        self._subscribers.clear()

    def subscribers(self, type_name: str) -> tuple[Processor, ...]:
        """The processors that get a delivery of each event of this type, in order of name."""
        found = self._subscribers.get(type_name)
        if found is None:
            found = tuple(
                processor
                for _, processor in sorted(self.processors.items())
                if type_name in processor.subscriptions
            )
            self._subscribers[type_name] = found
        return found

    def listeners(self, type_name: str, stream: str) -> Iterator[Processor]:
        """The processors that get a delivery of an event of this type in this stream."""
        return (one for one in self.subscribers(type_name) if stream.startswith(one.streams))

    def fan_out(self, type_names: Iterable[str]) -> list[Subscription]:
        """Who subscribes to the types, for an append that does not know its streams yet."""
        return [
            Subscription(name, processor.name, processor.streams, processor.limited_by)
            for name in type_names
            for processor in self.subscribers(name)
        ]

    def event_type(self, name: str) -> EventType:
        """The declared type of this name. Raises UnknownEventType."""
        try:
            return self.event_types[name]
        except KeyError:
            known = ", ".join(sorted(self.event_types)) or "none"
            raise UnknownEventType(
                f"Event type {name!r} is not declared by any installed app. Declared: {known}."
            ) from None

    def processor(self, name: str) -> Processor:
        """The declared processor of this name. Raises UnknownProcessor."""
        try:
            return self.processors[name]
        except KeyError:
            known = ", ".join(sorted(self.processors)) or "none"
            raise UnknownProcessor(
                f"No installed app declares a processor {name!r}. Declared: {known}."
            ) from None


registry = Registry()
on_declared.append(registry.add_event_type)


def processor(
    name: str,
    *,
    retry: Retry | None = None,
    atomic: bool = True,
    batch: bool = False,
    on_dead: OnDead = "park",
    lanes: int = 16,
    batch_size: int = 500,
    streams: str = "",
    emits: Iterable[type[Event]] | None = None,
    mediates: bool = False,
    timeout: float | None = None,
    limits: Limits | None = None,
    breaker: Breaker | None = None,
    priority: int = 0,
    database: str = "",
) -> Callable[[Handler], Handler]:
    """Subscribe the decorated function to the event types in its first annotation::

        @processor("customs", retry=Retry(max_attempts=5), atomic=False)
        def declare(event: ParcelSent, delivery: Delivery) -> ParcelDeclared: ...

    With ``batch=True`` it takes ``list[...]`` of events and ``list[Delivery]`` (and emits through
    ``delivery.emit``). ``atomic=False`` runs it outside of any transaction, for calls to the
    outside world. With ``streams="parcel-"`` it gets only events of streams of that prefix.
    ``emits`` are the event types it may emit, for the flow map; by default those of the return
    annotation. ``mediates=True`` says that it decides each next step of its flows. With
    ``timeout=20`` a call that takes longer than so many seconds fails with HandlerTimedOut.
    ``database`` says where it writes, which has to be where the log is.
    ``limits``, ``breaker`` and ``priority`` say how much of it happens at once
    (:mod:`flowdeck.declare.limits`); a processor that is limited takes no batches.
    The function itself is returned unchanged. Raises RegistrationError.
    """

    if database:
        _demand_one_database(name, database)

    def register(handler: Handler) -> Handler:
        registry.add_processor(
            declare(
                name,
                handler,
                retry=retry or Retry(),
                atomic=atomic,
                batch=batch,
                on_dead=on_dead,
                lanes=lanes,
                batch_size=batch_size,
                streams=streams,
                emits=emits,
                mediates=mediates,
                timeout=timeout,
                limits=limits,
                breaker=breaker,
                priority=priority,
            )
        )
        return handler

    return register


def projection(
    name: str,
    *,
    model: Any | Sequence[Any] = (),
    retry: Retry | None = None,
    batch: bool = False,
    lanes: int = 16,
    batch_size: int = 500,
) -> Callable[[Handler], Handler]:
    """Subscribe a function that only writes its own read ``model`` (one or several).

    Like :func:`processor`, but replayable: it must not emit events nor reach outside.
    """
    models = tuple(model) if isinstance(model, (list, tuple)) else (model,)

    def register(handler: Handler) -> Handler:
        registry.add_processor(
            declare(
                name,
                handler,
                retry=retry or Retry(),
                batch=batch,
                lanes=lanes,
                batch_size=batch_size,
                replayable=True,
                models=models,
                emits=(),
            )
        )
        return handler

    return register


def declare(
    name: str,
    handler: Callable[..., Any],
    *,
    emits: Iterable[type[Event]] | None = None,
    **options: Any,
) -> Processor:
    """Build a Processor from a handler's signature. Raises RegistrationError."""
    where = f"processor {name!r} ({handler.__module__}.{handler.__qualname__})"
    if not name or len(name) > 64 or not all(c.isalnum() or c in "-_." for c in name):
        raise RegistrationError(f"{where}: a name is 1 to 64 letters, digits, '-', '_' or '.'.")
    lanes = options.get("lanes", 16)
    if not 1 <= lanes <= SLOTS:
        raise RegistrationError(f"{where}: lanes must be 1 to {SLOTS}, not {lanes}.")
    if options.get("batch_size", 1) < 1:
        raise RegistrationError(f"{where}: batch_size must be 1 or more.")
    timeout = options.get("timeout")
    if timeout is not None and not 0 < timeout <= _LONGEST_TIMEOUT:
        raise RegistrationError(
            f"{where}: timeout must be above 0 and at most {_LONGEST_TIMEOUT:,} seconds, not "
            f"{timeout!r}."
        )
    if options.get("batch") and (options.get("limits") or options.get("breaker")):
        raise RegistrationError(f"{where}: calls are limited one by one, so not with batch=True.")
    parameters = list(inspect.signature(handler).parameters.values())
    if not 1 <= len(parameters) <= 2:
        raise RegistrationError(f"{where}: takes (event) or (event, delivery).")
    subscribed = tuple(annotated_events(handler, parameters[0].name, where))
    _check_groups(where, subscribed, options.get("limits"))
    return Processor(
        name=name,
        handler=handler,
        subscriptions=subscribed,
        wants_delivery=len(parameters) == 2,
        emits=emitted_types(handler, emits),
        **options,
    )


def _demand_one_database(name: str, database: str) -> None:
    """Two databases don't commit together, so nothing exactly once can be promised for both."""
    if database != conf().DATABASE:
        raise RegistrationError(
            f"processor {name!r}: it writes to the database {database!r}, but the log is in "
            f"{conf().DATABASE!r}, and the two don't commit together: after a crash its effects "
            "would count twice. Declare it with atomic=False and without database=, and let what "
            "it writes be told apart by delivery.idempotency_key (a unique column)."
        )


def _check_groups(where: str, subscribed: Iterable[str], limits: Limits | None) -> None:
    if limits is None or not limits.by:
        return
    types_ = [registry.event_types[one] for one in subscribed if one in registry.event_types]
    if not any(limits.by in one.cls.model_fields for one in types_):
        raise RegistrationError(f"{where}: by={limits.by!r} is a field of none of its events.")
    if any(limits.by in one.personal for one in types_):
        raise RegistrationError(
            f"{where}: by={limits.by!r} is personal, and groups are stored as they are."
        )


def annotated_events(handler: Callable[..., Any], parameter: str, where: str) -> Iterable[str]:
    """Names of the event types that the annotation of ``parameter`` names.

    Raises RegistrationError, which says ``where``.
    """
    annotation = typing.get_type_hints(handler).get(parameter)
    classes = list(_classes(annotation))
    if not classes or not all(isinstance(c, type) and issubclass(c, Event) for c in classes):
        raise RegistrationError(
            f"{where}: annotate {parameter!r} with the event types it subscribes to, for example "
            f"'{parameter}: ParcelSent | ParcelLost' (list[...] of them with batch=True)."
        )
    return [name for c in classes for name in c.__event_type__.names]


def emitted_types(
    handler: Callable[..., Any], declared: Iterable[type[Event]] | None
) -> tuple[str, ...] | None:
    """Names of ``declared``, or of the event types that the return annotation names."""
    if declared is None:
        found = [
            c for c in _classes(typing.get_type_hints(handler).get("return")) if c is not _NONE
        ]
        if not found or not all(isinstance(c, type) and _NAME in vars(c) for c in found):
            return None
        declared = found
    return tuple(c.__event_type__.name for c in declared)


def _classes(annotation: Any) -> Iterable[Any]:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, list, Sequence, Iterable, Iterator):
        for argument in typing.get_args(annotation):
            yield from _classes(argument)
    elif annotation is not None:
        yield annotation


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


__all__ = [
    "SLOTS",
    "Processor",
    "Registry",
    "Subscription",
    "processor",
    "projection",
    "registry",
]
