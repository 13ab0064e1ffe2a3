"""One open socket as the feed sees it: a small queue that never makes others wait."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

SIGNED_OUT = 4401
"""Close code: there is no session (any more)."""

_QUEUE = 8  # frames that may wait for a slow reader; then they are dropped for a fresh region


class Socket:
    """The sending side of one websocket, and what its user may see.

    ``behind`` is true while frames were dropped because the browser reads too slowly.
    """

    def __init__(
        self,
        user: Any,
        session_key: str | None,
        send: Callable[[str], Awaitable[None]],
        close: Callable[[int], Awaitable[None]],
    ) -> None:
        self.user = user
        self.session_key = session_key
        self.behind = False
        self.dropped = 0
        self._send = send
        self._close = close
        self._queue: deque[tuple[bool, str]] = deque()
        self._closing: int | None = None
        self._wake = asyncio.Event()

    def offer(self, frame: str) -> None:
        """Queue a frame; drop all queued ones if there are too many. Never waits."""
        if self.behind:
            self.dropped += 1
            return
        self._queue.append((True, frame))
        if len(self._queue) > _QUEUE:
            self.dropped += sum(1 for is_frame, _ in self._queue if is_frame)
            self._queue = deque(entry for entry in self._queue if not entry[0])
            self.behind = True
        self._wake.set()

    def answer(self, message: dict[str, Any]) -> None:
        """Queue an answer to this socket alone. Never dropped, since questions are limited."""
        self._queue.append((False, json.dumps(message)))
        self._wake.set()

    def tell_refused(self, refused: dict[str, str]) -> None:
        """Say which views may not be watched, and why."""
        listed = [{"view": view, "reason": reason} for view, reason in refused.items()]
        self.answer({"refused": listed})

    def tell_waiting(self, away: bool) -> None:
        """Say that the database is ``away``, or that it is back."""
        self.answer({"waiting": "database" if away else None})

    def close(self, code: int) -> None:
        """Send what is queued, then close with ``code``."""
        self._closing = code
        self._wake.set()

    def sign_out(self) -> None:
        """Tell the browser that there is no session any more, and close."""
        self._queue.clear()
        self.answer({"signed_out": True})
        self.close(SIGNED_OUT)

    async def pump(self, caught_up: Callable[[Socket], None]) -> None:
        """Send what is queued until closed; calls ``caught_up`` when a slow reader has read on."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._send(self._queue.popleft()[1])
            if self._closing is not None:
                await self._close(self._closing)
                return
            if self.behind:
                self.behind = False
                caught_up(self)
