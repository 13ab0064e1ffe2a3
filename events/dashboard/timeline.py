"""The timeline: swimlanes of what happens now, above the newest rows of the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from events.dashboard.event_detail import detail_of
from events.dashboard.log_rows import rows_of
from events.dashboard.page import requires
from events.dashboard.timeline_data import Timeline
from events.dashboard.timeline_lanes import WINDOWS
from events.models import Event

ROWS = 50


@requires("view_log")
def timeline(request: HttpRequest) -> HttpResponse:
    """The page, or for htmx its drawing. ``?window=60`` seconds, ``?selected=<position>``."""
    seconds, position = chosen(request.GET)
    shown = Timeline.load(seconds, position)
    if getattr(request, "htmx", None):
        return render(request, "events/timeline/_drawing.html", context_of(shown))
    context = context_of(shown) | {
        "rows": rows_of(list(Event.objects.order_by("-position")[:ROWS])),
        "most": ROWS,
        "detail": detail_of(shown.selected, request.user) if shown.selected else None,
    }
    return render(request, "events/timeline/page.html", context)


def context_of(shown: Timeline) -> dict[str, Any]:
    """What the drawing's template needs."""
    seconds = shown.window.seconds
    selected = shown.selected.position if shown.selected else None
    return {
        "timeline": shown,
        "seconds": seconds,
        "windows": WINDOWS.items(),
        "words": WINDOWS[seconds],
        "live_view": f"timeline:{seconds}:{selected}" if selected else f"timeline:{seconds}",
    }


def chosen(query: Mapping[str, str]) -> tuple[int, int | None]:
    """Window and selected position from untrusted parameters; what makes no sense is left out."""
    seconds, position = (_number(query.get(name, "")) for name in ("window", "selected"))
    return (seconds if seconds in WINDOWS else 15), position


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
