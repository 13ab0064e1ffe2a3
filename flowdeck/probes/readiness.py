"""What has to be right for work to be done: the database, its shape, Redis, workers, no backlog.

Asked by whoever likes, without a sign-in, so an answer is kept for two seconds and one caller at a
time looks: nobody can load the database with it. An answer is names of checks and nothing else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import redis
from django.db import DatabaseError, InterfaceError
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Q

from flowdeck import clock
from flowdeck.bells import line
from flowdeck.conf import conf
from flowdeck.database import connection
from flowdeck.declare.states import UNFINISHED
from flowdeck.engine import lanes
from flowdeck.engine.drain import due_processors
from flowdeck.models import Due
from flowdeck.observe.overview import alive_workers, cut_off_workers

KEPT_SECONDS = 2.0
_STUCK = timedelta(seconds=60)  # due for so long, and nobody has claimed a lane meanwhile


class Readiness:
    """The names of the checks that fail, as of at most two seconds ago."""

    def __init__(self) -> None:
        self._looking = threading.Lock()
        self._until = 0.0
        self._failing: frozenset[str] = frozenset(CHECKS)
        self._migrated = False

    def failing(self) -> frozenset[str]:
        """Which of :data:`CHECKS` fail; all, until somebody has looked. Waits for nobody else."""
        if time.monotonic() >= self._until and self._looking.acquire(blocking=False):
            try:
                self._failing = self._look()
                self._until = time.monotonic() + KEPT_SECONDS
            finally:
                self._looking.release()
        return self._failing

    def _look(self) -> frozenset[str]:
        failing = {name for name in ("redis",) if not _redis()}
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            # What is applied stays applied: not asked again, since it costs more than all the rest.
            self._migrated = self._migrated or _migrated()
            if not self._migrated:
                return frozenset(failing | {"migrations"})
            failing |= {name for name, check in _WORK.items() if not check()}
        except (DatabaseError, InterfaceError):
            failing.add("database")
        return frozenset(failing)


def _redis() -> bool:
    if not conf().REDIS_URL:
        return True
    try:
        with line.client(conf().REDIS_URL) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _migrated() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _workers() -> bool:
    return alive_workers(clock.now()).exists()


def _due() -> bool:
    """Whether no processor is left alone with what has been due for a minute."""
    due = due_processors()
    left = set(due) - set(lanes.claimed_within(due, _STUCK.total_seconds())) if due else set()
    since = clock.now() - _STUCK
    waiting = Due.objects.filter(
        Q(due_at=None) | Q(due_at__lt=since),
        processor__in=left,
        state__in=UNFINISHED,
        event__recorded_at__lt=since,
    )
    return not (left and waiting.exists())


def _bells() -> bool:
    return not cut_off_workers()


_WORK: dict[str, Callable[[], bool]] = {"workers": _workers, "bells": _bells, "due": _due}
CHECKS = ("database", "migrations", "redis", *_WORK)

readiness = Readiness()
"""That of this process."""
