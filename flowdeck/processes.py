"""This process: its name on pages and in rows, and how it treats what it allocates."""

from __future__ import annotations

import gc
import os
import socket
from functools import cache

_YOUNG_OBJECTS = 50_000


def worker_name() -> str:
    """Host and process id."""
    return f"{_host()}:{os.getpid()}"


def collect_less_often() -> None:
    """For a process that works in batches, once everything is imported.

    A batch makes thousands of objects that live until it ends: the collector would look through all
    of them, and through everything imported, again and again.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


@cache
def _host() -> str:
    return socket.gethostname()[:80]
