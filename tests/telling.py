"""What telemetry tells, to a listener of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flowdeck import telemetry


@contextmanager
def heard(signal: type[Any], listener: Callable[[Any], None]) -> Iterator[None]:
    """Let ``listener`` hear the signal for the length of the block."""
    telemetry.subscribe(signal, listener)
    try:
        yield
    finally:
        telemetry.unsubscribe(signal, listener)
