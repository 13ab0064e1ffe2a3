"""Revealing the personal values of one event: asked for with a reason, shown this once."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from flowdeck import parsing
from flowdeck.dashboard.event.detail import detail_of
from flowdeck.dashboard.shell.once import wants_part
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.models import Event
from flowdeck.privacy import reveal as revealing


@require_POST
@requires("view_log")
@requires(revealing.ACTION)
@never_cache
def reveal(request: HttpRequest, position: int) -> HttpResponse:
    """The payload as it is: as a piece of the drawer for htmx, else the event's page."""
    found = get_object_or_404(Event, position=position)
    reason = parsing.reason(request.POST.get("reason", ""))
    data = None
    if reason:
        data = revealing.reveal(found, by=request.user.get_username(), reason=reason)
    context = {"detail": detail_of(found, request.user, data), "no_reason": not reason}
    template = "flowdeck/log/_data.html" if wants_part(request) else "flowdeck/log/event.html"
    answer = render(request, template, context, status=200 if reason else 422)
    if reason:  # it acted: what is sent again leads to the event as everybody sees it
        answer.headers["Location"] = reverse("flowdeck:event", args=[position])
    return answer
