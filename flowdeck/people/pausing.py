"""Rows that people pause and resume: since when, by whom and why. Each change is in the audit."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from flowdeck import clock
from flowdeck.people import audit


def pause(
    row: QuerySet[Any], target: str, *, by: str, reason: str, kept_as: str = "pause_reason"
) -> bool:
    """Write into the row that it rests; False if it did already, and the first reason stands.

    ``target`` is what the audit names, ``kept_as`` the column of the reason. It belongs into a
    transaction with what follows from it.
    """
    resting = {"paused_at": clock.now(), "paused_by": by, kept_as: reason}
    changed = row.filter(paused_at=None).update(**resting)
    if changed:
        audit.record("pause", by=by, target=target, count=1, reason=reason)
    return bool(changed)


def resume(
    row: QuerySet[Any],
    target: str,
    *,
    by: str,
    reason: str,
    kept_as: str = "pause_reason",
    **more: Any,
) -> bool:
    """Write into the row that it goes on, and ``more``; False if it was not paused.

    As :func:`pause` otherwise.
    """
    going_on = {"paused_at": None, "paused_by": "", kept_as: "", **more}
    changed = row.filter(paused_at__isnull=False).update(**going_on)
    if changed:
        audit.record("resume", by=by, target=target, count=1, reason=reason)
    return bool(changed)
