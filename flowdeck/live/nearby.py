"""Feeds of this process, told of changes without a channel layer.

For development in one process (``FLOWDECK["IN_PROCESS_WORKER"]``). An in-memory layer would not do:
it wakes nobody in another thread's event loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from flowdeck.live.changes import Changes

_hearers: dict[asyncio.AbstractEventLoop, Callable[[Changes], None]] = {}
_lock = threading.Lock()


async def listen(hear: Callable[[Changes], None]) -> None:
    """Call ``hear`` in the running event loop for whatever is told, until cancelled."""
    loop = asyncio.get_running_loop()
    with _lock:
        _hearers[loop] = hear
    try:
        await loop.create_future()
    finally:
        with _lock:
            if _hearers.get(loop) == hear:
                del _hearers[loop]


def tell(changes: Changes) -> None:
    """Tell all who listen, from any thread."""
    with _lock:
        hearers = list(_hearers.items())
    for loop, hear in hearers:
        with suppress(RuntimeError):  # it was closed; nobody looks at its pages any more
            loop.call_soon_threadsafe(hear, changes)
