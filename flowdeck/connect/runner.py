"""Who runs the connectors: every worker process looks, and takes those that nobody runs.

A connector has a thread of its own in whatever process holds its lease, so a broker that is away
holds up nothing else. When the process dies the lease runs out, and another one goes on.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from django.db import DatabaseError, InterfaceError

from flowdeck import telemetry
from flowdeck.connect import connectors, lease
from flowdeck.database import connection
from flowdeck.errors import FAULTS

logger = logging.getLogger("flowdeck")
_STOP_SECONDS = 3.0


class Runner:
    """The connectors that this process runs."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._threads: dict[str, threading.Thread] = {}

    def look(self) -> None:
        """Take what nobody runs. One query; none without connectors."""
        here = {name for name, thread in self._threads.items() if thread.is_alive()}
        names = [name for name in connectors.runnable() if name not in here]
        if not names or self.stopping.is_set():
            return
        for name in lease.free(names):
            thread = threading.Thread(
                target=_run, args=(name, self.stopping), name=f"connector-{name}"
            )
            thread.daemon = True
            self._threads[name] = thread
            thread.start()

    def stop(self) -> None:
        """Let all of them end, which gives their leases back."""
        self.stopping.set()
        end = time.monotonic() + _STOP_SECONDS
        for thread in self._threads.values():
            thread.join(max(0.0, end - time.monotonic()))


def _run(name: str, stopping: threading.Event) -> None:
    """Never raises: the next look of some process tries again."""
    try:
        connectors.run(name, stopping)
    except (DatabaseError, InterfaceError) as error:
        telemetry.emit(telemetry.InfrastructureFault(name, error))
    except FAULTS:
        logger.exception("Connector %s failed; it is tried again.", name)
    finally:
        connection.close()


_runner: tuple[int, Runner] | None = None


def look() -> None:
    """As :meth:`Runner.look`, of this process (another one after a fork)."""
    global _runner
    if _runner is None or _runner[0] != os.getpid():
        _runner = (os.getpid(), Runner())
    _runner[1].look()


def stop() -> None:
    """Stop what this process runs."""
    if _runner is not None and _runner[0] == os.getpid():
        _runner[1].stop()
