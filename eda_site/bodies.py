"""What is sent to the site is counted as it comes, and refused before it fills a disk.

Django writes a body to the disk before any view, and with it any check, sees the request.
"""

from __future__ import annotations

from typing import Any


class LimitedBodies:
    """Answers 413 to a request whose body is larger than ``most`` bytes; wraps an ASGI application.

    A body that says its length is refused unread; a chunked one as soon as it is too long. What is
    larger never reaches the application, and at most ``most`` bytes of it are kept.
    """

    def __init__(self, application: Any, most: int) -> None:
        self.application = application
        self.most = most

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass on what is small enough."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        if _said_length(scope) > self.most:
            await self._refuse(scope, send)
            return
        count, begun = 0, False

        async def counted() -> dict[str, Any]:
            nonlocal count
            message: dict[str, Any] = await receive()
            count += len(message.get("body", b""))
            # For the application it looks as if the client had gone.
            return message if count <= self.most else {"type": "http.disconnect"}

        async def told(message: dict[str, Any]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        await self.application(scope, counted, told)
        if count > self.most and not begun:
            await self._refuse(scope, send)

    async def _refuse(self, scope: dict[str, Any], send: Any) -> None:
        sentence = f"The body is larger than {self.most // 1024} KiB, which is more than is taken."
        kind, body = b"text/plain; charset=utf-8", f"{sentence}\n"
        if dict(scope["headers"]).get(b"content-type", b"").startswith(b"application/json"):
            kind, body = b"application/json", f'{{"detail": "{sentence}"}}'
        # The rest of the body is not read, so nothing else can follow on this connection.
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})


def _said_length(scope: dict[str, Any]) -> int:
    said = dict(scope["headers"]).get(b"content-length", b"0")
    return int(said) if said.isdigit() else 0
