"""Keeping and forgetting views of the log."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from flowdeck.dashboard.logs.filter import LogFilter
from flowdeck.dashboard.shell.page import requires
from flowdeck.people import saved_views

_LONGEST_NAME = 60


@require_POST
@requires("view_log")
def save(request: HttpRequest) -> HttpResponse:
    """Keep ``query`` under ``name``; ``shared`` lets everybody see it who sees the log."""
    name = " ".join(request.POST.get("name", "").replace("\x00", "").split())
    wanted = LogFilter.parse(QueryDict(request.POST.get("query", ""))).newest
    if not 1 <= len(name) <= _LONGEST_NAME:
        messages.error(request, f"Give the view a name of at most {_LONGEST_NAME} characters.")
    elif wanted.problems or not wanted.query:
        messages.error(request, "There is no filter to save. Set one first.")
    elif saved_views.save(request.user, name, wanted.query, shared="shared" in request.POST):
        messages.success(request, f"Saved as {name}.")
    else:
        messages.error(request, f"You have {saved_views.MOST} views. Delete one first.")
    return redirect(_back(request, wanted.query))


@require_POST
@requires("view_log")
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Forget one of the own views."""
    if not saved_views.delete(request.user, number):
        raise Http404("You have no such view.")
    messages.success(request, "The view is deleted.")
    return redirect(_back(request, LogFilter.parse(QueryDict(request.POST.get("query", ""))).query))


def _back(request: HttpRequest, query: str) -> str:
    page = reverse(
        "flowdeck:timeline" if request.POST.get("page") == "timeline" else "flowdeck:log"
    )
    return f"{page}?{query}" if query else page
