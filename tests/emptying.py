"""Emptying the database after each test, fast: most tests fill few of its sixty tables."""

from __future__ import annotations

from typing import Any

from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models.signals import post_migrate


def spare_the_work() -> None:
    """Truncate only tables that hold rows (PostgreSQL), and make no permissions of Django's anew.

    Truncating a table writes new files for it and each of its indexes, empty or not. Nobody asks
    for Django's own permissions here; roles and lanes are made again as ever.
    """
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)
    post_migrate.connect(_forget_content_types)
    if connection.vendor == "postgresql":
        flush = connection.ops.sql_flush

        def sql_flush(style: Any, tables: list[str], **options: Any) -> list[str]:
            return flush(style, _full(tables), **{**options, "allow_cascade": True})

        connection.ops.sql_flush = sql_flush


def _full(tables: list[str]) -> list[str]:
    looks = (f"(SELECT '{table}' FROM \"{table}\" LIMIT 1)" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(looks))
        return [table for (table,) in cursor.fetchall()]


def _forget_content_types(**_: Any) -> None:
    # They are made when they are asked for, but those of before are gone.
    ContentType.objects.clear_cache()
