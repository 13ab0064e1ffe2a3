"""Where the live websocket is: below the same prefix as the pages (``flowdeck.urls``).

With ``path("ops/", include("flowdeck.urls"))`` among the addresses, the ASGI application has
``path("ops/", URLRouter(websocket_urlpatterns))``.
"""

from __future__ import annotations

from typing import Any

from django.urls import path

from flowdeck.live.consumers import LiveConsumer

LIVE = "ws/live/"
"""The socket's address below the prefix. Pages reverse it as ``flowdeck:live``."""

websocket_urlpatterns: list[Any] = [path(LIVE, LiveConsumer.as_asgi())]
