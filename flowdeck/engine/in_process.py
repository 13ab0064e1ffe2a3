"""The worker within ``manage.py runserver``: development without Redis and without Celery.

It does what a worker process does, in threads: it answers bells and sweeps. When code changes, the
server's autoreload ends the process and starts it anew, and the worker with it.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from collections.abc import Callable

from django.apps import apps
from django.db import close_old_connections, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV

from flowdeck.bells import nearby
from flowdeck.bells.bell import DRAIN_TASK, REPLAY_TASK
from flowdeck.bells.nearby import Errand
from flowdeck.conf import conf
from flowdeck.database import alias
from flowdeck.declare.registry import registry
from flowdeck.engine import drain, lanes, sweep
from flowdeck.engine import faults as infrastructure
from flowdeck.replay import runs

logger = logging.getLogger("flowdeck")
by_number: dict[str, Callable[[int], object]] = {REPLAY_TASK: runs.execute}
"""What is done for a row of that number, by the task; whoever has such tasks puts them here."""

_THREADS = 2  # a slow handler does not hold up all others
_LOOK = 0.5  # seconds
_FINISHING = 3.0  # seconds that a restart waits for a handler


def start_if_wanted() -> InProcessWorker | None:
    """Start the worker if the settings want it and this process is the one that serves."""
    if not (conf().IN_PROCESS_WORKER and _serves()):
        return None
    worker = InProcessWorker()
    worker.start()
    atexit.register(worker.stop)
    return worker


def _serves() -> bool:
    """Whether this is ``manage.py runserver``, and not the process that only restarts it."""
    asked = sys.argv[1:2] == ["runserver"]
    return asked and (os.environ.get(DJANGO_AUTORELOAD_ENV) == "true" or "--noreload" in sys.argv)


class InProcessWorker:
    """The threads that answer bells, and the sweeper beside them."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._begin, name="in-process", daemon=True)]

    def start(self) -> None:
        """Begin as soon as the apps are ready and the tables are there."""
        self._threads[0].start()

    def stop(self) -> None:
        """Let handlers finish: what is cut off in a call to the outside waits for its lease."""
        self._stopping.set()
        sweep.stop()
        for thread in self._threads:
            thread.join(_FINISHING / len(self._threads))

    def _begin(self) -> None:
        apps.ready_event.wait()
        while not _is_migrated():
            if self._stopping.wait(_LOOK):
                return
        lanes.create_missing(registry.processors.values())
        self._threads += [threading.Thread(target=self._work, daemon=True) for _ in range(_THREADS)]
        nearby.porch.listen()
        for thread in self._threads[1:]:
            thread.start()
        sweep.start()
        sys.stderr.write("Flowdeck: events are handled in this process.\n")
        close_old_connections()

    def _work(self) -> None:
        """Answer bells until told to stop. Nothing that goes wrong ends it."""
        while not self._stopping.is_set():
            if errand := nearby.porch.take(_LOOK):
                try:
                    _do(errand)
                except BaseException as error:
                    # Whatever a handler raises: nobody would start another thread.
                    _tell(error)
                close_old_connections()
        connections.close_all()


def _is_migrated() -> bool:
    """Whether the tables are there that code expects; runserver itself says what is missing."""
    try:
        executor = MigrationExecutor(connections[alias()])
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Exception as error:
        _tell(error)
        return False
    finally:
        close_old_connections()


def _do(errand: Errand) -> None:
    if errand.task == DRAIN_TASK:
        drain.answer_bell(str(errand.argument))
    else:
        by_number[errand.task](int(errand.argument))


def _tell(error: BaseException) -> None:
    if infrastructure.is_fault(error):
        logger.warning("The worker of this process goes on after: %s", error)
    else:
        logger.error("The worker of this process goes on.", exc_info=error)
