"""Vital signs of a worker process: how much it gets done, and the memory that it holds."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from flowdeck.declare.states import DeliveryState
from flowdeck.telemetry import Settled

_SIGNS = 4  # a rate is over the last three heartbeats: figures that jump can't be read
_STATM = "/proc/self/statm"
_PEAK_UNIT = {"darwin": 1}.get(sys.platform, 1024)  # bytes


class VitalSigns:
    """Counts what this process gets done. ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done = 0
        self._lock = threading.Lock()
        self._seen = deque([(clock(), 0)], maxlen=_SIGNS)

    def settled(self, told: Settled) -> None:
        """Listener of telemetry: a batch was committed."""
        done = sum(delivery.state == DeliveryState.DONE for delivery in told.deliveries)
        with self._lock:
            self._done += done

    def rate(self) -> float | None:
        """Deliveries done per second since the third call before; None if no time has passed."""
        now, done = self._clock(), self._done
        since, before = self._seen[0]
        self._seen.append((now, done))
        return (done - before) / (now - since) if now > since else None


def memory() -> int | None:
    """Bytes of memory that this process holds; its peak where only that can be had; or None."""
    try:
        with open(_STATM, encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return _peak()


def _peak() -> int | None:
    try:
        import resource
    except ImportError:  # Windows has none
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT
