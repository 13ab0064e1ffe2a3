"""The start: the first page of the navigation that the person may open."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from flowdeck.dashboard.shell.navigation import navigation
from flowdeck.dashboard.shell.page import signed_in


@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """Go to the first page that is open to this person."""
    for section in navigation(request)["nav_sections"]:
        for item in section["items"]:
            if item["url"] != request.path:
                return redirect(item["url"])
    return render(request, "flowdeck/nothing_open.html", status=403)
