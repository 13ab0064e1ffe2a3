"""A request of this site lives in one thread: its error pages too.

Django's own ASGI handler renders the pages of errors (404, 403) in another thread than the views.
What that thread asks of the database keeps a connection which nobody gives back: some dozens of
wrong addresses, and none is left. Nothing here is asynchronous, so one thread also saves the ways
between several.
"""

from __future__ import annotations

from typing import Any

import django
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.db import close_old_connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class OneThreadHandler(ASGIHandler):
    """Runs middleware, view and error pages of a request in its own thread."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Load the chain for one thread, whatever the caller would like."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """The whole answer, by the request's thread."""
        response: HttpResponseBase = await sync_to_async(self.get_response)(request)
        return response

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request; its connection is given back even if sending the answer breaks off."""
        try:
            await super().handle(scope, receive, send)
        except BaseException:
            await sync_to_async(close_old_connections)()
            raise


def get_asgi_application() -> OneThreadHandler:
    """Set Django up; the application for HTTP."""
    django.setup(set_prefix=False)
    return OneThreadHandler()
