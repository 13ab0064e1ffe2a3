"""The database of the log: reached, migrated, with its rules, and at the same time as this host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings
from django.db.migrations.executor import MigrationExecutor

from flowdeck.database import alias, connection
from flowdeck.declare.registry import registry
from flowdeck.management.doctor.finding import Finding
from flowdeck.models import Lane
from flowdeck.sql.install import names, text

OLDEST_POSTGRESQL = 14
SECONDS_APART = 1.0
_MADE = {
    "postgresql": (r"CREATE OR REPLACE FUNCTION (\w+)", "SELECT proname FROM pg_proc"),
    "sqlite": (r"CREATE TRIGGER (\w+)", "SELECT name FROM sqlite_master WHERE type = 'trigger'"),
}
_ASLEEP = (
    "SELECT tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid "
    "WHERE tgenabled = 'D' AND relname LIKE 'flowdeck%'"
)


def tables() -> Iterator[Finding]:
    """Its kind and version, migrations, functions and triggers, lanes."""
    connection.ensure_connection()
    yield from _version() if connection.vendor == "postgresql" else _options()
    executor = MigrationExecutor(connection)
    targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "flowdeck"]
    if executor.migration_plan(targets):
        yield Finding(
            False,
            f"the database {alias()!r} is not migrated",
            f"Run `manage.py migrate --database {alias()}`.",
        )
        return
    yield from _rules()
    there = set(Lane.objects.values_list("processor", flat=True).distinct())
    if missing := sorted(registry.processors.keys() - there):
        yield Finding(
            False,
            f"{', '.join(missing)} has no lanes, so nobody works on it yet",
            f"Run `manage.py migrate --database {alias()}`, which makes them.",
        )


def _version() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        number = int(cursor.fetchone()[0]) // 10_000
    yield Finding(
        number >= OLDEST_POSTGRESQL,
        f"PostgreSQL {number}",
        f"Use PostgreSQL {OLDEST_POSTGRESQL} or newer.",
    )


def _options() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        wal = cursor.fetchone()[0] == "wal"
    options = settings.DATABASES[alias()].get("OPTIONS", {})
    yield Finding(
        wal and options.get("transaction_mode") == "IMMEDIATE",
        "SQLite, in WAL mode and with immediate transactions"
        if wal and options.get("transaction_mode") == "IMMEDIATE"
        else "SQLite would refuse writes with 'database is locked'",
        "Set OPTIONS of the database: transaction_mode 'IMMEDIATE' and init_command "
        "'PRAGMA journal_mode=WAL' (docs/own_project.md).",
    )


def _rules() -> Iterator[Finding]:
    pattern, question = _MADE[connection.vendor]
    wanted = {
        name
        for file in names(connection.vendor)
        for name in re.findall(pattern, text(connection.vendor, file))
    }
    with connection.cursor() as cursor:
        cursor.execute(question)
        there = {row[0] for row in cursor.fetchall()}
        asleep: list[str] = []
        if connection.vendor == "postgresql":
            cursor.execute(_ASLEEP)
            asleep = [row[0] for row in cursor.fetchall()]
    if missing := sorted(wanted - there):
        yield Finding(
            False,
            f"the database lacks {', '.join(missing)}",
            "Restore it from a backup with functions and triggers, or migrate a new one.",
        )
    for name in asleep:
        yield Finding(
            False, f"the trigger {name} is switched off", "ALTER TABLE ... ENABLE TRIGGER it."
        )
    if not missing and not asleep:
        yield Finding(True, "tables, functions and triggers are as the code has them")


def clock() -> Iterator[Finding]:
    """Whether this host and the database agree on the time."""
    if connection.vendor != "postgresql":
        return
    before = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        said = cursor.fetchone()[0]
    apart = abs((said - before).total_seconds())
    yield Finding(
        apart < SECONDS_APART,
        f"this host's clock and the database's are {apart:.1f} s apart",
        "Keep both by NTP.",
    )
