"""When the database can't serve a page just now: say so, instead of breaking."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

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
        if not infrastructure.is_fault(error):
            return None
        answer = render(
            request, "flowdeck/503.html", {"sentence": infrastructure.UNAVAILABLE}, status=503
        )
        answer.headers["Retry-After"] = str(infrastructure.RETRY_SECONDS)
        return answer
