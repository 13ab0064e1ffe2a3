"""The columns of the event log that somebody wants to see: kept in a cookie, like the theme.

A choice is a class of the table and nothing else, so rows and live frames are the same for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from flowdeck.dashboard.shell.page import requires

OPTIONAL = ("position", "stream", "correlation", "producer", "deliveries")
"""Time and type always stay: they say when and what, and lead to the event."""

_COOKIE = "flowdeck-log-without"
_YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Column:
    """One that may be left out."""

    name: str
    shown: bool


def context_of(request: HttpRequest) -> dict[str, Any]:
    """What the log's table and the menu need: ``columns`` and ``without``, classes of the table."""
    hidden = request.COOKIES.get(_COOKIE, "").split(".")
    columns = [Column(name, name not in hidden) for name in OPTIONAL]
    without = "".join(f" no-{one.name}" for one in columns if not one.shown)
    return {"columns": columns, "without": without}


@require_POST
@requires("view_log")
def choose(request: HttpRequest) -> HttpResponse:
    """Show each ``column`` that is named, leave out the others; then back to ``next``."""
    wanted = request.POST.getlist("column")
    hidden = [name for name in OPTIONAL if name not in wanted]
    answer = redirect(_back(request.POST.get("next", "")))
    answer.set_cookie(
        _COOKIE,
        ".".join(hidden),
        max_age=_YEAR,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return answer


def _back(address: str) -> str:
    safe = address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    return address if safe else reverse("flowdeck:log")
