"""The event log: all that happened, newest first, live; and one event whole."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from flowdeck import parsing
from flowdeck.dashboard.event.detail import detail_of
from flowdeck.dashboard.logs.filter import FORM, STATES, LogFilter
from flowdeck.dashboard.logs.rows import rows_of
from flowdeck.dashboard.logs.search import count, search
from flowdeck.dashboard.shared import columns
from flowdeck.dashboard.shell.once import wants_part
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.declare.registry import registry
from flowdeck.models import Event
from flowdeck.people import saved_views


@requires("view_log")
def log(request: HttpRequest) -> HttpResponse:
    """A page of the log. ``?selected=<position>`` opens the drawer beside it."""
    wanted = LogFilter.parse(request.GET)
    if tidy := tidied(request, wanted):
        return redirect(f"{request.path}{tidy}")
    selected = _selected(request)
    context = context_of(wanted, request.user) | {
        "detail": detail_of(selected, request.user) if selected else None,
        "here": request.path,
        "keep": "",
    }
    context |= columns.context_of(request)
    return render(request, "flowdeck/log/page.html", context)


def context_of(wanted: LogFilter, user: Any) -> dict[str, Any]:
    """What the filter bar and the rows need."""
    page, saved = search(wanted), saved_views.visible_to(user)
    names = [view.name for view in saved if view.query == wanted.newest.query]
    return {
        "filter": wanted,
        "page": page,
        "rows": rows_of(page.rows),
        "number": count(wanted) if wanted.at_the_top else None,
        "count_view": f"log-count:{wanted.query}",
        "log_view": f"log:{wanted.query}" if wanted.query else "log",
        "types": sorted(registry.event_types),
        "processors": sorted(registry.processors),
        "states": STATES,
        "saved": saved,
        "view_name": names[0] if names else "",
    }


def tidied(request: HttpRequest, wanted: LogFilter, **keep: str) -> str:
    """The query to redirect to after the form, which sends empty fields and ones of its own."""
    sent = [name for name, value in request.GET.items() if not value or name in FORM]
    if not sent or wanted.problems:
        return ""
    return "?" + "&".join(filter(None, (urlencode(keep), wanted.query)))


@requires("view_log")
def event(request: HttpRequest, position: int) -> HttpResponse:
    """One event: as a drawer for htmx, else as a page of its own."""
    found = get_object_or_404(Event, position=position)
    context = {"detail": detail_of(found, request.user)}
    template = "flowdeck/log/_detail.html" if wants_part(request) else "flowdeck/log/event.html"
    return render(request, template, context)


def _selected(request: HttpRequest) -> Event | None:
    position = parsing.number(request.GET.get("selected", ""))
    return None if position is None else Event.objects.filter(position=position).first()
