"""For tests of an app that uses ``events``: work off what is due, in this process."""

from __future__ import annotations

from django.db import connection
from django.db.backends.sqlite3.base import (  # type: ignore[attr-defined]
    DatabaseOperations,
)
from django.db.models import QuerySet

from events.dead_letters import make_due
from events.drain import drain_all
from events.models import Delivery


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


def let_tests_empty_the_log() -> None:
    """Let Django's flush empty the log on SQLite; call it once, from ``conftest.py``.

    Flush deletes row by row there, which the append-only rule refuses (PostgreSQL truncates). The
    rule is lifted for the flush alone and in force in every test.
    """
    flush = DatabaseOperations.execute_sql_flush
    if getattr(flush, "lifts_append_only", False):
        return

    def lifted(operations: DatabaseOperations, statements: list[str]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' "
                "AND tbl_name IN ('events_event', 'events_auditentry', 'events_archive', "
                "'events_archivedstream')"
            )
            triggers = cursor.fetchall()
            for name, _ in triggers:
                cursor.execute(f"DROP TRIGGER {name}")
            try:
                flush(operations, statements)
            finally:
                for _, statement in triggers:
                    cursor.execute(statement)

    lifted.lifts_append_only = True  # type: ignore[attr-defined]
    DatabaseOperations.execute_sql_flush = lifted  # type: ignore[method-assign,assignment]
