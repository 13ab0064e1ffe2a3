"""A browser tab for tests: a websocket with somebody's session, and waiting with a deadline.

Built on asgiref alone: importing ``channels.testing`` needs daphne, which nothing else here does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from asgiref.testing import ApplicationCommunicator
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from django.contrib.auth.models import User

from flowdeck.live.routing import websocket_urlpatterns
from tests.accounts import signed_in

application = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
DEADLINE = 30.0


class Tab:
    """One open socket. ``frames`` are all frames so far, ``said`` all other messages."""

    def __init__(self, communicator: ApplicationCommunicator) -> None:
        self._socket = communicator
        self.frames: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []
        self.closed: int | None = None

    @property
    def html(self) -> str:
        """All html so far."""
        return "".join(frame["html"] for frame in self.frames)

    async def send(self, message: object) -> None:
        """Send a message, as JSON unless it is text."""
        text = message if isinstance(message, str) else json.dumps(message)
        await self._socket.send_input({"type": "websocket.receive", "text": text})

    async def send_raw(self, message: str | bytes) -> None:
        """Send a text or binary message as it is."""
        kind = "text" if isinstance(message, str) else "bytes"
        await self._socket.send_input({"type": "websocket.receive", kind: message})

    async def watch(self, *names: str, seen: int | None = None) -> None:
        """Subscribe, and wait for the first frame or refusal."""
        before = len(self.frames) + len(self.said)
        await self.send({"subscribe": list(names), "seen": seen})
        await self.until(lambda: len(self.frames) + len(self.said) > before)

    async def until(self, holds: Callable[[], bool], within: float = DEADLINE) -> None:
        """Read messages until ``holds()``; fails after the deadline."""
        async with asyncio.timeout(within):
            while not holds():
                await self._read()

    async def _read(self) -> None:
        output = await self._socket.receive_output(DEADLINE)
        if output["type"] == "websocket.close":
            self.closed = output.get("code")
            return
        message = json.loads(output["text"])
        (self.frames if "frame" in message else self.said).append(message)


@asynccontextmanager
async def tab(user: User | None = None, session: str | None = None) -> AsyncIterator[Tab]:
    """A tab in which ``user`` is signed in, or nobody."""
    if user is not None and session is None:
        session = await database_sync_to_async(session_of)(user)
    headers = [(b"cookie", f"sessionid={session}".encode())] if session else []
    scope = {
        "type": "websocket",
        "path": "/ws/live/",
        "query_string": b"",
        "headers": headers,
        "subprotocols": [],
    }
    communicator = ApplicationCommunicator(application, scope)
    await communicator.send_input({"type": "websocket.connect"})
    assert (await communicator.receive_output(DEADLINE))["type"] == "websocket.accept"
    try:
        yield Tab(communicator)
    finally:
        await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await communicator.wait(DEADLINE)


def session_of(user: User) -> str:
    """The key of a new session of ``user``."""
    return signed_in(user).cookies["sessionid"].value


in_thread = database_sync_to_async
