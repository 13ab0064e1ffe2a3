"""The engine emits, everybody else listens: logs, metrics and live views.

Each signal is a class of this module, and its fields are what it tells. ``subscribe(Settled,
listener)`` lets ``listener`` be called with each :class:`Settled`; a listener that raises is logged
and cannot harm the engine.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from flowdeck.errors import FAULTS

logger = logging.getLogger("flowdeck")


@dataclass(frozen=True, slots=True)
class AppendedEvent:
    """What listeners learn of an appended event; they read the rest from the log.

    ``recorded_at`` is the database's time, as in the log.
    """

    position: int
    type: str
    stream: str
    correlation_id: UUID
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Appended:
    """Events were committed."""

    events: tuple[AppendedEvent, ...]


@dataclass(frozen=True, slots=True)
class SettledDelivery:
    """A delivery that changed its state in a batch."""

    position: int
    state: str
    correlation_id: UUID


@dataclass(frozen=True, slots=True)
class Settled:
    """A batch was committed, with these new states."""

    processor: str
    deliveries: tuple[SettledDelivery, ...]


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A handler failed on an event; ``state`` is what its delivery is in since."""

    processor: str
    position: int
    correlation_id: UUID
    error: str
    state: str


@dataclass(frozen=True, slots=True)
class AfterCommitFailed:
    """What a handler wanted done after the commit failed; its delivery is done all the same."""

    processor: str
    position: int
    correlation_id: UUID
    error: BaseException


@dataclass(frozen=True, slots=True)
class SettingsLeft:
    """A handler changed settings of the connection, which was closed because of that."""

    processor: str
    statement: str


@dataclass(frozen=True, slots=True)
class InfrastructureFault:
    """The database, or the way to it, failed: that used up no attempt.

    ``processor`` is empty where the fault stopped no batch.
    """

    processor: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class BellFailed:
    """A bell could not be rung."""

    error: Exception


@dataclass(frozen=True, slots=True)
class LeaseExpired:
    """A lease ran out before its batch was done, so the results were dropped."""

    processor: str


@dataclass(frozen=True, slots=True)
class FloorWrong:
    """A delivery was below its lane's floor, where nobody looks; the floor was lowered."""

    processor: str
    position: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Somebody paused a processor."""

    processor: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """Somebody resumed a paused processor."""

    processor: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """Somebody retried or discarded dead letters.

    ``deliveries`` are the position and the processor of each.
    """

    action: str
    by: str
    reason: str
    deliveries: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """A run over the log has ended."""

    kind: str
    processors: Sequence[str]
    state: str


Signal = (
    Appended
    | Settled
    | AttemptFailed
    | AfterCommitFailed
    | SettingsLeft
    | InfrastructureFault
    | BellFailed
    | LeaseExpired
    | FloorWrong
    | Paused
    | Resumed
    | Resolved
    | Replayed
)
Told = TypeVar("Told", bound=Signal)
_listeners: defaultdict[type[Any], list[Callable[[Any], None]]] = defaultdict(list)


def subscribe(signal: type[Told], listener: Callable[[Told], None]) -> None:
    """Call ``listener`` with every ``signal``; subscribing twice counts once."""
    if listener not in _listeners[signal]:
        _listeners[signal].append(listener)


def unsubscribe(signal: type[Told], listener: Callable[[Told], None]) -> None:
    """Stop calling ``listener``. Raises ValueError if it was not subscribed."""
    _listeners[signal].remove(listener)


def emit(signal: Signal) -> None:
    """Tell the listeners. Never raises."""
    for listener in _listeners[type(signal)]:
        try:
            listener(signal)
        except FAULTS:
            logger.exception("A telemetry listener of %s failed.", type(signal).__name__)
