"""The engine emits, everybody else listens: logs, metrics and live views.

====================  =============================================================
signal                payload (keyword arguments of the listener)
====================  =============================================================
``appended``          ``events``: tuple of AppendedEvent, after their commit
``settled``           ``processor``, ``deliveries``: tuple of Settled, after their commit
``attempt_failed``    ``processor``, ``position``, ``correlation_id``, ``error``, ``state``
``infrastructure``    ``processor``, ``error``: a fault that used up no attempt
``bell_failed``       ``error``: a bell that could not be rung
``lease_lost``        ``processor``
``paused``            ``processor``, ``by``, ``reason``
``resumed``           ``processor``, ``by``, ``reason``
``resolved``          ``action``, ``count``, ``by``, ``reason``, ``deliveries``: dead letters
``replayed``          ``kind``, ``processors``, ``state``: a run over the log has ended
====================  =============================================================

A listener that raises is logged and cannot harm the engine.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

logger = logging.getLogger("flowdeck")

Signal = Literal[
    "appended",
    "settled",
    "attempt_failed",
    "infrastructure",
    "bell_failed",
    "lease_lost",
    "paused",
    "resumed",
    "resolved",
    "replayed",
]
Listener = Callable[..., None]
_listeners: dict[str, list[Listener]] = defaultdict(list)


@dataclass(frozen=True, slots=True)
class AppendedEvent:
    """What listeners learn of an appended event; they read the rest from the log."""

    position: int
    type: str
    stream: str
    correlation_id: UUID


@dataclass(frozen=True, slots=True)
class Settled:
    """A delivery that changed its state in a batch."""

    position: int
    state: str
    correlation_id: UUID


def subscribe(signal: Signal, listener: Listener) -> None:
    """Call ``listener(**payload)`` on every ``signal``; subscribing twice counts once."""
    if listener not in _listeners[signal]:
        _listeners[signal].append(listener)


def unsubscribe(signal: Signal, listener: Listener) -> None:
    """Stop calling ``listener``. Raises ValueError if it was not subscribed."""
    _listeners[signal].remove(listener)


def emit(signal: Signal, **payload: Any) -> None:
    """Tell the listeners. Never raises."""
    for listener in _listeners[signal]:
        try:
            listener(**payload)
        except Exception:
            logger.exception("A telemetry listener of %r failed.", signal)
