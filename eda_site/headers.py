"""Headers that Django has no middleware for, on every answer, errors included.

What was made for somebody who is signed in is kept by no cache, on no shared disk.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

Answer = Callable[[HttpRequest], HttpResponseBase]
_NOT_USED = ("camera", "geolocation", "microphone", "payment", "usb")
HEADERS = {
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _NOT_USED),
    "Cross-Origin-Resource-Policy": "same-origin",
}


def headers(answer: Answer) -> Answer:
    """Middleware: what a page needs of the browser is little, and nobody else embeds it."""

    def answered(request: HttpRequest) -> HttpResponseBase:
        response = answer(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if _is_private(request):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answered


def _is_private(request: HttpRequest) -> bool:
    """Whether the answer looked at who asks: their session was read, or a token was given."""
    session = getattr(request, "session", None)
    return bool(session is not None and session.accessed) or "Authorization" in request.headers
