"""The demo answers this machine only, whatever address it was bound to."""

from __future__ import annotations

from typing import Any

from eda_site.environment import is_loopback


class LoopbackOnly:
    """Refuse clients that come from another machine; wraps an ASGI application."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass on what comes from this machine, over TCP or a Unix socket; refuse the rest."""
        client = scope.get("client")
        if client is None or is_loopback(client[0]):
            await self.application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403})
        else:
            await _refuse(send)


async def _refuse(send: Any) -> None:
    body = (
        b"Demo mode has well-known passwords and serves this machine only. "
        b"Set FLOWDECK_DEMO=0 (make run: DEMO=0), SECRET_KEY and ALLOWED_HOSTS to serve others.\n"
    )
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
