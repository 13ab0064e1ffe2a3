"""Telling faults of the infrastructure from faults of a handler.

Deadlocks, lost connections and statements of the engine that took too long say nothing about the
event: the batch is run again, no attempt is used up and nothing becomes a dead letter because of
them. What a handler raises is its own fault, whichever database or library raised it there, unless
the engine's own connection proves otherwise.
"""

from __future__ import annotations

import traceback

from celery.exceptions import WorkerShutdown, WorkerTerminate
from django.db import InterfaceError, OperationalError
from django.db.utils import DatabaseErrorWrapper

from flowdeck.database import connection
from flowdeck.errors import PartitionMissing
from flowdeck.sql import dialect

# Classes of SQLSTATE: connection exception, transaction rollback, insufficient resources,
# operator intervention (restart, shutdown, a statement that took too long).
_CLASSES = ("08", "40", "53", "57")
_TOO_LONG = ("55P03", "57014")  # waiting for a lock; the statement: a handler's own may be wrong
_ENDED = ("25P03", "25P04")  # the session, because its transaction was idle or open for too long
_AT_ONCE = ("40001", "40P01")
_OF_SQLITE = ("locked", "busy", "disk I/O error", "disk is full", "unable to open")


class Interrupted(KeyboardInterrupt):
    """Somebody at the terminal ends this process; a handler can't have raised it."""


def is_fault(error: BaseException) -> bool:
    """Whether ``error`` is a fault of the database or the way to it.

    For what a statement outside of handlers raised; see :func:`excuses` for handlers.
    """
    if isinstance(error, (InterfaceError, PartitionMissing)):
        return True
    if not isinstance(error, OperationalError):
        return False
    if connection.vendor == "sqlite":
        return any(word in str(error) for word in _OF_SQLITE)
    state = _sqlstate(error)
    return state is None or state.startswith(_CLASSES) or state in (*_TOO_LONG, *_ENDED)


def excuses(error: BaseException) -> bool:
    """Whether a handler is not to blame for the ``error`` that it has just raised.

    That is so if the engine's connection was lost meanwhile, or raised it for a reason that lies
    outside of the handler (a deadlock, a server that shuts down).
    """
    if connection_lost():
        return True
    ours = isinstance(error, OperationalError) and is_fault(error) and _is_of_own_connection(error)
    return ours and _sqlstate(error) not in _TOO_LONG


def connection_lost() -> bool:
    """Whether the engine's connection was ended from the other side, as far as is known."""
    return bool(getattr(connection.connection, "broken", False))


def is_harmless(error: BaseException) -> bool:
    """Whether ``error`` is a fault that left the connection alive: nobody has killed it."""
    if connection.vendor == "sqlite":
        return is_fault(error)
    state = _sqlstate(error) or "08"
    return is_fault(error) and not (state.startswith(("08", "57P")) or state in _ENDED)


def ends_this_worker(error: BaseException) -> bool:
    """Whether ``error`` was raised from outside into whatever ran, to end the process."""
    ending = isinstance(error, (WorkerShutdown, WorkerTerminate, Interrupted))
    return ending or type(error).__name__ == "GreenletExit"  # greenlet may not be installed


def worth_retrying_now(error: BaseException) -> bool:
    """Whether the same batch is likely to succeed at once: a deadlock, or what :func:`mend` has
    mended."""
    return _sqlstate(error) in _AT_ONCE or isinstance(error, PartitionMissing)


def mend(error: BaseException) -> None:
    """Make the partition whose lack is the ``error``; nothing is done about any other."""
    if isinstance(error, PartitionMissing):
        with connection.cursor() as cursor:
            dialect().make_partitions(cursor, error.positions)


def _is_of_own_connection(error: BaseException) -> bool:
    # Each error of a database comes through its connection's wrapper, which leaves its frame.
    wrappers = (
        frame.f_locals["self"].wrapper.alias
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if frame.f_code is DatabaseErrorWrapper.__exit__.__code__
    )
    return connection.alias in wrappers


def _sqlstate(error: BaseException) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)
