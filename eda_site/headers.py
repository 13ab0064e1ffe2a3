"""Headers that Django has no middleware for, on every answer, errors included."""

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
        return response

    return answered
