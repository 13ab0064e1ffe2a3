"""Working off all that is due in this process, and emptying the log after a test."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.models import QuerySet

from flowdeck.engine.drain import drain_all
from flowdeck.letters.dead_letters import make_due
from flowdeck.models import Delivery
from flowdeck.sql.parts import placeholders
from flowdeck.testing.work import time_passes

_KEPT = ("flowdeck_event", "flowdeck_auditentry", "flowdeck_archive", "flowdeck_archivedstream")


def settle(*, rounds: int = 100, waiting: QuerySet[Delivery] | None = None) -> int:
    """Drain everything, ending the waits of retries, until nothing is left to do.

    Returns how many deliveries were settled. Raises AssertionError if work is left after
    ``rounds`` rounds. With ``waiting`` only these are hurried: a handler that snoozes until
    something else happens never gets done by being asked again.
    """
    total = 0
    hurried = Delivery.objects.all() if waiting is None else waiting
    for _ in range(rounds):
        settled = drain_all()
        total += settled
        if settled == 0 and make_due(hurried) == 0:
            return total
    raise AssertionError(f"Work is left after {rounds} rounds; a handler may snooze for ever.")


def passes(*, seconds: float = 0.0, hours: float = 0.0, days: float = 0.0) -> int:
    """Let this much time pass for all that waits for a time, then :func:`settle`.

    Returns how many deliveries were settled. Clocks stay as they are: what waits is due earlier.
    """
    time_passes(timedelta(seconds=seconds, hours=hours, days=days))
    return settle()


def let_flush_empty_the_log(connection: BaseDatabaseWrapper) -> None:
    """Let Django's flush empty the log; done for each connection of a process that runs tests.

    The append-only rule refuses to, whether flush deletes row by row (SQLite) or truncates
    (PostgreSQL). The rule is lifted for the flush alone and in force in every test.
    """
    kind = type(connection.ops)
    flush = kind.execute_sql_flush
    if getattr(flush, "lifts_append_only", False):
        return

    def lifted(operations: BaseDatabaseOperations, statements: Iterable[str]) -> None:
        emptying = list(statements)
        emptied = " ".join(one for one in emptying if one.startswith(("TRUNCATE", "DELETE")))
        tables = [table for table in _KEPT if f'"{table}"' in emptied]
        lift, restore = _RULES[operations.connection.vendor](operations.connection, tables)
        flush(operations, [*lift, *emptying, *restore])

    lifted.lifts_append_only = True  # type: ignore[attr-defined]
    kind.execute_sql_flush = lifted  # type: ignore[method-assign,assignment]


def _rules_on_postgresql(
    connection: BaseDatabaseWrapper, tables: list[str]
) -> tuple[list[str], list[str]]:
    return (
        [f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_truncate" for table in tables],
        [f"ALTER TABLE {table} ENABLE TRIGGER {table}_no_truncate" for table in tables],
    )


def _rules_on_sqlite(
    connection: BaseDatabaseWrapper, tables: list[str]
) -> tuple[list[str], list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' "
            f"AND tbl_name IN ({placeholders(tables)})",
            tables,
        )
        triggers = cursor.fetchall()
    return [f"DROP TRIGGER {name}" for name, _ in triggers], [sql for _, sql in triggers]


_RULES = {"postgresql": _rules_on_postgresql, "sqlite": _rules_on_sqlite}
