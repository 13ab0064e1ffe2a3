"""Telling faults of the infrastructure from faults of a handler.

Deadlocks, serialization failures and lost connections say nothing about the event: the batch is
run again, no attempt is used up and nothing becomes a dead letter because of them.
"""

from __future__ import annotations

from django.db import InterfaceError, OperationalError, connection

# Classes of SQLSTATE: connection exception, transaction rollback, insufficient resources,
# operator intervention (restart, shutdown). 57014 is a cancelled statement: the handler's own.
_CLASSES = ("08", "40", "53", "57")
_NOT = ("57014",)
_AT_ONCE = ("40001", "40P01")

# What pages and the API tell people of a fault; what they had begun was rolled back.
UNAVAILABLE = "The database is busy or away. Nothing was changed; try again in a moment."
RETRY_SECONDS = 5
"""What both say in ``Retry-After``."""


def is_fault(error: BaseException) -> bool:
    """Whether ``error`` is a fault of the database or the way to it, not of the handler."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    if connection.vendor == "sqlite":
        return "locked" in str(error) or "busy" in str(error)
    state = _sqlstate(error)
    return state is None or (state.startswith(_CLASSES) and state not in _NOT)


def worth_retrying_now(error: BaseException) -> bool:
    """Whether the same batch is likely to succeed at once (deadlock, serialization failure)."""
    return _sqlstate(error) in _AT_ONCE


def _sqlstate(error: BaseException) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)
