"""The registry: event types, processors, and who hears what."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from flowdeck.declare.event import EventType, on_declared
from flowdeck.declare.gathering import Gather
from flowdeck.declare.limits import Breaker, Limits
from flowdeck.declare.overlap import is_async
from flowdeck.declare.retry import Retry
from flowdeck.errors import UnknownEventType, UnknownProcessor

SLOTS = 1024
OnDead = Literal["park", "skip"]
Starts = Literal["now", "beginning"] | int


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
    first. A worker process has up to ``overlap`` calls of it in the air, each for another key. With
    ``gather`` each call has what came for one key until that was quiet. ``starts``: which past
    events it gets when it is new; a number is the position of the last one that it does not.
    ``name`` is its oldest one, by which the database knows it for good; ``renamed`` what it is
    called now, if that is another, and ``was`` the names in between.
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
    overlap: int = 1
    gather: Gather | None = None
    starts: Starts = "now"
    renamed: str = ""
    was: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What it is called now."""
        return self.renamed or self.name

    @property
    def names(self) -> tuple[str, ...]:
        """All that it is found by: the oldest first, the one of now last."""
        return (self.name, *self.was, *filter(None, [self.renamed]))

    @property
    def asynchronous(self) -> bool:
        """Whether its handler runs in an event loop."""
        return is_async(self.handler)

    @property
    def overlaps(self) -> bool:
        """Whether many of its calls may be in the air at once in one process."""
        return self.overlap > 1 or self.asynchronous

    @property
    def parks(self) -> bool:
        """Whether a dead letter holds back what is behind it of its key."""
        return self.on_dead == "park"

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

    def subscribed_to(self, type_name: str) -> Subscription:
        """What an append of events of this type is told of it."""
        return Subscription(
            type=type_name,
            processor=self.name,
            streams=self.streams,
            by=self.limited_by,
            gathered=self.gather.quiet if self.gather else None,
        )


class Subscription(NamedTuple):
    """What an append is told of a processor that subscribes to a type of its events.

    ``by``: the field of their payloads that its limits are kept apart by. ``gathered``: seconds
    that each of them waits for others of its key.
    """

    type: str
    processor: str
    streams: str
    by: str = ""
    gathered: float | None = None

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
        self._named: dict[str, str] = {}

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
        for name in processor.names:
            known = self.processors.get(self._named.get(name, name))
            if known is not None and known.where != processor.where:
                self.problems.append(
                    f"Processor {name!r} is declared twice: by {known.where} and "
                    f"{processor.where}. Rename one."
                )
                return
        self.processors[processor.name] = processor
        self._named.update(dict.fromkeys(processor.names[1:], processor.name))
        self._subscribers.clear()

    def remove_processor(self, name: str) -> None:
        """Forget a processor (a test that ends); its deliveries stay."""
        gone = self.processors.pop(name, None)
        for one in gone.names if gone else ():
            self._named.pop(one, None)
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
            processor.subscribed_to(name)
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

    def knows(self, type_name: str, version: int) -> bool:
        """Whether this code declares the type, at this version or a newer one."""
        declared = self.event_types.get(type_name)
        return declared is not None and version <= declared.version

    def processor(self, name: str) -> Processor:
        """The declared processor of this name, of now or once. Raises UnknownProcessor."""
        try:
            return self.processors[self._named.get(name, name)]
        except KeyError:
            known = ", ".join(sorted(self.processors)) or "none"
            raise UnknownProcessor(
                f"No installed app declares a processor {name!r}. Declared: {known}."
            ) from None


registry = Registry()
on_declared.append(registry.add_event_type)


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


__all__ = [
    "SLOTS",
    "Processor",
    "Registry",
    "Subscription",
    "registry",
]
