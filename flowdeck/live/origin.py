"""Who may open the live websocket: pages of this site, by scheme, host and port."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.utils.http import is_same_domain


class SameOrigin:
    """Refuses websockets that other sites open in somebody's browser; wraps an ASGI application.

    The origin has to be that of the request itself, as for forms: the same scheme, host and port,
    or one of ``CSRF_TRUSTED_ORIGINS``. The host has to be in ``ALLOWED_HOSTS``.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass on a socket of our own pages; refuse the others before they are accepted (403)."""
        if is_own(scope):
            await self.application(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 4403})


def is_own(scope: dict[str, Any]) -> bool:
    """Whether the handshake ``scope`` comes from a page of this site."""
    scheme = {"ws": "http", "wss": "https"}.get(scope.get("scheme", "ws"), "http")
    asked = ASGIRequest({**scope, "method": "GET", "scheme": scheme}, io.BytesIO())
    origin = asked.headers.get("Origin", "")
    try:
        own = f"{asked.scheme}://{asked.get_host()}"
    except DisallowedHost:
        return False
    return origin == own or any(_fits(origin, one) for one in settings.CSRF_TRUSTED_ORIGINS)


def _fits(origin: str, trusted: str) -> bool:
    """Whether it is the ``trusted`` one, which may begin with ``*.`` for all below a domain."""
    try:
        given, wanted = urlsplit(origin), urlsplit(trusted.replace("//*.", "//."))
    except ValueError:
        return False
    return given.scheme == wanted.scheme and is_same_domain(given.netloc, wanted.netloc)
