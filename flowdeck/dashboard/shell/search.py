"""The search: one box for ids, numbers, streams, types and processors."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from flowdeck.dashboard.shell import finders
from flowdeck.dashboard.shell.once import wants_part
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render


@requires("view_log")
def search(request: HttpRequest) -> HttpResponse:
    """Go to what ``?q=`` names, or list what it may mean. For htmx: the list alone."""
    found = finders.find(request.user, request.GET.get("q", ""))
    context = {"found": found, "query": found.query}
    if wants_part(request):
        return render(request, "flowdeck/search/_results.html", context)
    if found.only is not None:
        return redirect(found.only.url)
    return render(request, "flowdeck/search/page.html", context)
