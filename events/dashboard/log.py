"""The event log: all that happened, newest first, live; and one event whole."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from events.dashboard.event_detail import detail_of
from events.dashboard.log_filter import LogFilter
from events.dashboard.log_rows import rows_of
from events.dashboard.page import requires
from events.models import Event
from events.registry import registry


@requires("view_log")
def log(request: HttpRequest) -> HttpResponse:
    """A page of the log. ``?selected=<position>`` opens the drawer beside it."""
    wanted = LogFilter.parse(request.GET)
    page = wanted.page()
    selected = _selected(request)
    context = {
        "filter": wanted,
        "page": page,
        "rows": rows_of(page.rows),
        "live_view": f"log:{wanted.query}" if wanted.query else "log",
        "types": sorted(registry.event_types),
        "detail": detail_of(selected, request.user) if selected else None,
    }
    return render(request, "events/log/page.html", context)


@requires("view_log")
def event(request: HttpRequest, position: int) -> HttpResponse:
    """One event: as a drawer for htmx, else as a page of its own."""
    found = get_object_or_404(Event, position=position)
    context = {"detail": detail_of(found, request.user)}
    htmx = getattr(request, "htmx", None)
    template = "events/log/_detail.html" if htmx else "events/log/event.html"
    return render(request, template, context)


def _selected(request: HttpRequest) -> Event | None:
    text = request.GET.get("selected", "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        return None
    return Event.objects.filter(position=int(text)).first()
