"""A process of its own, which may die of what it does."""

from __future__ import annotations

import os
from collections.abc import Callable

from django.db import connections


def in_a_process(work: Callable[[], object]) -> int:
    """Run ``work`` in a forked process with connections of its own; return its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(begin(work), 0)[1])


def begin(work: Callable[[], object]) -> int:
    """The same, without waiting for it: its number. Whoever began it ends it."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid
