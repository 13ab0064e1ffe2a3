"""The event loop of this process, in a thread of its own: all ``async def`` handlers run in it.

It outlives drains, so clients of the outside world keep their connections.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger("flowdeck")


class EventLoop:
    """A loop that runs until its process ends. ``left``: a task blocks it and hears nothing."""

    def __init__(self) -> None:
        self.left = False
        self._loop = asyncio.new_event_loop()
        self._asked: float | None = None
        self._thread = threading.Thread(target=self._run, name="async-handlers", daemon=True)
        self._thread.start()

    @property
    def thread(self) -> int:
        """The identity of its thread."""
        return self._thread.ident or 0

    def submit(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin with ``work``, from any thread. It raises nothing."""
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def cancel(self, task: asyncio.Task[Any]) -> None:
        """Cancel a task of it, from any thread."""
        self._loop.call_soon_threadsafe(task.cancel)

    def silent_for(self) -> float:
        """Seconds since when nothing but one task runs in it; 0 if it answers. It is asked here."""
        if self._asked is None:
            self._asked = time.monotonic()
            self._loop.call_soon_threadsafe(self._answer)
        return time.monotonic() - self._asked if self._asked is not None else 0.0

    def running(self) -> asyncio.Task[Any] | None:
        """The task that runs in it at this moment, asked from any thread."""
        return asyncio.current_task(self._loop)

    def _answer(self) -> None:
        self._asked = None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while True:
            try:
                self._loop.run_forever()
            except BaseException:  # SystemExit in a task that a handler has started
                logger.exception("What a handler has started would have ended the event loop.")


_current: tuple[int, EventLoop] | None = None
_making = threading.Lock()


def event_loop() -> EventLoop:
    """The one of this process (threads do not survive a fork)."""
    global _current
    with _making:
        if _current is None or _current[0] != os.getpid():
            _current = (os.getpid(), EventLoop())
        return _current[1]


def leave_behind(loop: EventLoop) -> None:
    """Let later handlers have another loop: a task blocks this one and hears nothing."""
    global _current
    with _making:
        loop.left = True
        if _current is not None and _current[1] is loop:
            _current = None
