"""For tests of an app that uses ``flowdeck``: work off what is due, in this process."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.models import F, QuerySet
from uuid_utils.compat import uuid7

from flowdeck.engine.drain import drain_all
from flowdeck.letters.dead_letters import make_due
from flowdeck.models import Clock, Delivery, Due, Schedule, Timer
from flowdeck.sql.parts import placeholders

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
    earlier = timedelta(seconds=seconds, hours=hours, days=days)
    waiting = (Timer.objects.filter(ended_at=None), Due.objects.filter(due_at__isnull=False))
    for rows in waiting:
        rows.update(due_at=F("due_at") - earlier)
    Timer.objects.filter(ended_at=None).update(stale_at=F("stale_at") - earlier)
    Clock.objects.update(walked_at=None, behind=None)  # what is due since longer is looked at too
    Schedule.objects.update(last_nominal=F("last_nominal") - earlier)
    for timer in Timer.objects.filter(ended_at=None, scope__startswith="schedule:"):
        # Its nominal time comes again, by clocks that stay: it must not be the event of both.
        Timer.objects.filter(pk=timer.pk).update(event_id=uuid7())
    return settle()


def let_tests_empty_the_log() -> None:
    """Let Django's flush empty the log; call it once, from ``conftest.py``.

    The append-only rule refuses to, whether flush deletes row by row (SQLite) or truncates
    (PostgreSQL). The rule is lifted for the flush alone and in force in every test.
    """
    operations = type(connection.ops)
    flush = operations.execute_sql_flush
    if getattr(flush, "lifts_append_only", False):
        return
    rules = _rules_on_postgresql if connection.vendor == "postgresql" else _rules_on_sqlite

    def lifted(operations: BaseDatabaseOperations, statements: Iterable[str]) -> None:
        emptying = list(statements)
        lift, restore = rules(emptying)
        flush(operations, [*lift, *emptying, *restore])

    lifted.lifts_append_only = True  # type: ignore[attr-defined]
    operations.execute_sql_flush = lifted  # type: ignore[method-assign,assignment]


def _rules_on_postgresql(statements: list[str]) -> tuple[list[str], list[str]]:
    truncated = " ".join(one for one in statements if one.startswith("TRUNCATE"))
    tables = [table for table in _KEPT if f'"{table}"' in truncated]
    return (
        [f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_truncate" for table in tables],
        [f"ALTER TABLE {table} ENABLE TRIGGER {table}_no_truncate" for table in tables],
    )


def _rules_on_sqlite(statements: list[str]) -> tuple[list[str], list[str]]:
    marks = placeholders(_KEPT)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ({marks})",
            _KEPT,
        )
        triggers = cursor.fetchall()
    return [f"DROP TRIGGER {name}" for name, _ in triggers], [sql for _, sql in triggers]
