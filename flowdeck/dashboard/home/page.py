"""The first page: is all well, what changed, what comes first."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from flowdeck.dashboard.home.parts import Parts, may_open, named, parts_of
from flowdeck.dashboard.home.standing import Home
from flowdeck.dashboard.shell.navigation import navigation
from flowdeck.dashboard.shell.page import signed_in
from flowdeck.dashboard.shell.rendering import render


@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """The overview; who may not see it goes to the first page that is open to them."""
    if may_open(request.user):
        return render(request, "flowdeck/home/page.html", context_of(parts_of(request.user)))
    for section in navigation(request)["nav_sections"]:
        for item in section["items"]:
            if item["url"] != request.path:
                return redirect(item["url"])
    return render(request, "flowdeck/nothing_open.html", status=403)


def context_of(parts: Parts) -> dict[str, Any]:
    """What the templates need, for somebody who may see these parts."""
    return {"home": Home(parts), "parts": parts, "home_view": f"overview:{named(parts)}"}
