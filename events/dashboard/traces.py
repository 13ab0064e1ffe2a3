"""Traces: the newest ones, and one whole as a waterfall of causes and effects."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from events.access import can_see_trace
from events.dashboard.page import requires, signed_in
from events.dashboard.recent_traces import recent_traces
from events.dashboard.trace_page import TracePage, parse_choice


@requires("view_log")
def traces(request: HttpRequest) -> HttpResponse:
    """The newest traces; ``?before=<position>`` for older ones."""
    text = request.GET.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    context = {"page": recent_traces(before), "live_view": "traces" if before is None else ""}
    return render(request, "events/traces/list.html", context)


@signed_in
def trace(request: HttpRequest, correlation_id: UUID) -> HttpResponse:
    """One trace. ``delivery`` and ``attempt`` choose what the drawer shows."""
    # Whoever may not see it does not learn whether it exists.
    page = None
    if can_see_trace(request.user, correlation_id):
        page = TracePage.load(correlation_id, parse_choice(request.GET))
    if page is None:
        raise Http404(f"There is no trace {correlation_id} that you may see.")
    return render(request, "events/traces/trace.html", {"page": page})
