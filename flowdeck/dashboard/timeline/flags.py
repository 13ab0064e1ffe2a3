"""Releases on a stretch of the timeline."""

from __future__ import annotations

from flowdeck.dashboard.shared.plots import releases
from flowdeck.dashboard.timeline.shapes import Flag, Window


def flags(window: Window) -> list[Flag]:
    """Releases that were first seen in the window; the newest of too many. One query."""
    found = releases(window.since, window.until)
    return [Flag(window.x(one.first_seen_at), one.name, one.note) for one in found]
