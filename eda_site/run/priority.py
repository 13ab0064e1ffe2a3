"""Stepping back: a process that lets everything that somebody is waiting for go first."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_NICE = 10
# Linux weighs whole sessions first, if it is built so; a nice process in a session of its own is as
# important as all others then. See sched(7), "The autogroup feature".
_SESSION = Path("/proc/self/autogroup")


def step_back() -> None:
    """Lower the priority of this process and, if it leads one, of its session."""
    os.nice(_NICE)
    if os.getsid(0) == os.getpid() and _SESSION.exists():
        with suppress(OSError):  # a container may not let us; then it is as it was
            _SESSION.write_text(str(_NICE))
