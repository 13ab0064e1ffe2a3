"""Waiting in tests: look again until it is so, or a deadline has passed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE = threading.Event()


def eventually(look: Callable[[], T], *, within: float = 60.0, every: float = 0.02) -> T:
    """The first truthy result of ``look``. Raises AssertionError after ``within`` seconds.

    The deadline is long: it is for what never comes, not for how busy the machine is.
    """
    deadline = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"It was still {found!r} after {within} s.")
        _PAUSE.wait(every)
