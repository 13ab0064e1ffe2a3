"""A page that says so at once when the database can't serve one just now.

It asks the database nothing, so that it costs no second wait.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.views.defaults import server_error as broken

from flowdeck import words
from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.engine import faults as infrastructure


class UnavailableMiddleware:
    """Answers 503 where a view met a fault of the database (locked, restarted, connection lost).

    What the view had begun was rolled back with its transaction.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page for a fault of the database; all else is somebody else's."""
        return _unavailable(request) if infrastructure.is_fault(error) else None


def server_error(request: HttpRequest) -> HttpResponse:
    """``handler500``: 503 for a fault that middleware or an error page met, else Django's own.

    What is raised outside of views (sessions, the shell of a 404) passes by all middleware.
    """
    error = sys.exc_info()[1]
    if error is not None and infrastructure.is_fault(error):
        return _unavailable(request)
    answer: HttpResponseServerError = broken(request)
    return answer


def _unavailable(request: HttpRequest) -> HttpResponse:
    context = {"sentence": words.UNAVAILABLE, "address": request.get_full_path()}
    page = render_to_string("flowdeck/503.html", context)
    return HttpResponse(page, status=503, headers={"Retry-After": words.UNAVAILABLE_SECONDS})
