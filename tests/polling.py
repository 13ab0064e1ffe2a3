"""Waiting in tests: look again until it is so, or a deadline has passed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE = threading.Event()
_LONGEST = 0.5  # seconds between two looks


def eventually(look: Callable[[], T], *, within: float = 60.0, every: float = 0.02) -> T:
    """The first truthy result of ``look``. Raises AssertionError after ``within`` seconds.

    The deadline is long: it is for what never comes, not for how busy the machine is. What takes
    long is looked at less often, for whoever is asked has the work to do that is waited for.
    """
    begun = time.monotonic()
    while True:
        found = look()
        if found:
            return found
        waited = time.monotonic() - begun
        if waited > within:
            raise AssertionError(f"It was still {found!r} after {within} s.")
        _PAUSE.wait(max(every, min(_LONGEST, waited / 10)))
