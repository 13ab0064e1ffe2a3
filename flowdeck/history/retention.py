"""Figures that are older than the settings keep them go, some thousand rows at a time."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from flowdeck.database import connection
from flowdeck.history.figures import GRAINS, kept_from
from flowdeck.history.rows import key_columns
from flowdeck.models import Gauge, Handled, Produced, Reached

_AT_ONCE = 5_000  # rows of a table and grain


def remove_old(now: datetime) -> None:
    """Remove what is older than it is kept; some thousand rows at most."""
    for grain in GRAINS:
        if before := kept_from(grain, now):
            for model in (Handled, Produced, Gauge, Reached):
                _remove(model, grain, before)


def _remove(model: type[models.Model], grain: int, before: int) -> None:
    table = model._meta.db_table
    key = ", ".join(key_columns(model))
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} "
            "WHERE grain = %s AND at < %s ORDER BY at LIMIT %s)",
            [grain, before, _AT_ONCE],
        )
