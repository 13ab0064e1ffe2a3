"""Releases on a stretch of the timeline."""

from __future__ import annotations

from flowdeck.dashboard.timeline.shapes import Flag, Window
from flowdeck.models import Release

_MOST = 20


def flags(window: Window) -> list[Flag]:
    """Releases that were first seen in the window; the newest of too many. One query."""
    seen = {"first_seen_at__gte": window.since, "first_seen_at__lte": window.until}
    found = Release.objects.filter(**seen).order_by("-first_seen_at")[:_MOST]
    return [Flag(window.x(one.first_seen_at), one.name, one.note) for one in found]
