"""Tell the pages' feeds that something changed: ids only, after the commit, off the hot path.

Listeners only note ids and return. One daemon thread per process gathers them for a moment and
sends one message through the channel layer. When Redis fails or hangs, messages are dropped and
counted: a page that missed one finds out by itself within a second (:mod:`flowdeck.live.pulse`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from typing import Any

from channels.layers import get_channel_layer
from django.contrib.auth.signals import user_logged_out

from flowdeck import telemetry
from flowdeck.conf import conf
from flowdeck.live import nearby
from flowdeck.live.changes import Changes, Ids

logger = logging.getLogger("flowdeck.live")

MESSAGE_TYPE = "flowdeck.changed"
_GATHER = 0.01  # seconds to wait for more before sending, and as long again in a burst
_BURST = 5  # positions
_TIMEOUT = 1.0  # seconds that a hung Redis may cost this thread
_REST = 1.0  # seconds to leave a faulty Redis alone; what happens meanwhile is one message


def group() -> str:
    """The group of the channel layer that is told of changes."""
    return f"{conf().PREFIX}.changes"


class Announcer:
    """Gathers what changed in this process and sends it from a thread of its own."""

    def __init__(self) -> None:
        self.sent = 0
        self.dropped = 0
        self._lock = threading.Lock()
        self._pending = Changes()
        self._wake = threading.Event()
        self._pid = 0

    def appended(self, told: telemetry.Appended) -> None:
        """Events were committed."""
        with self._lock:
            self._pending.appended = True
            for event in told.events:
                self._pending.touch(event.position, event.correlation_id)
                self._pending.streams.add(event.stream)
        self._ring()

    def settled(self, told: telemetry.Settled) -> None:
        """Deliveries changed their state."""
        with self._lock:
            self._pending.processors.add(told.processor)
            for delivery in told.deliveries:
                self._pending.touch(delivery.position, delivery.correlation_id)
        self._ring()

    def resolved(self, told: telemetry.Resolved) -> None:
        """Dead letters were retried or discarded."""
        with self._lock:
            for position, processor in told.deliveries:
                self._pending.touch(position)
                self._pending.processors.add(processor)
            self._pending.correlations.merge(_ANY)  # the signal does not name them
        self._ring()

    def switched(self, told: telemetry.Paused | telemetry.Resumed) -> None:
        """A processor was paused or resumed."""
        with self._lock:
            self._pending.processors.add(told.processor)
        self._ring()

    def signed_out(self, **_: Any) -> None:
        """Somebody signed out: their sockets are to be closed."""
        with self._lock:
            self._pending.sessions = True
        self._ring()

    def _ring(self) -> None:
        if self._pid != os.getpid():  # threads do not survive a fork, and locks may be held by them
            self._start()
        self._wake.set()

    def _start(self) -> None:
        with _starting:
            if self._pid == os.getpid():
                return
            self._pid = os.getpid()
            self._wake = threading.Event()
            threading.Thread(target=self._run, name="live-announcer", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self._announce()
            except Exception:
                # Nobody else would announce what happens in this process.
                self.dropped += 1
                logger.exception("Live pages were not told of changes; they look for themselves.")
                time.sleep(_REST)

    def _announce(self) -> None:
        """Send what comes, again and again."""
        # The loop runs only while sending: the thread itself waits, so an idle process stays idle
        # and the end of the process has nothing to join.
        wake = self._wake
        with asyncio.Runner() as runner:
            while True:
                wake.wait()
                time.sleep(_GATHER)
                if self._pending.last - self._pending.first >= _BURST:
                    time.sleep(_GATHER)  # sending takes time from whoever is so busy
                wake.clear()
                with self._lock:
                    changes, self._pending = self._pending, Changes()
                if not runner.run(self._send(changes)):
                    time.sleep(_REST)

    async def _send(self, changes: Changes) -> bool:
        if conf().IN_PROCESS_WORKER:
            nearby.tell(changes)
            return True
        message = {"type": MESSAGE_TYPE, **changes.to_message()}
        try:
            async with asyncio.timeout(_TIMEOUT):
                await get_channel_layer().group_send(group(), message)
        except Exception as error:
            # A bell that fails must harm nobody; the pages look for themselves.
            self.dropped += 1
            if self.dropped == 1 or self.dropped % 100 == 0:
                logger.warning("%s messages to live pages dropped: %s", self.dropped, error)
            return False
        self.sent += 1
        return True


_ANY = Ids(many=True)
_starting = threading.Lock()
announcer = Announcer()


def _after_fork() -> None:
    """Locks may have been held by threads that the child does not have."""
    global _starting
    _starting = threading.Lock()
    announcer._lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def listen() -> None:
    """Announce what the engine tells from now on. Calling it twice counts once.

    Without a channel layer (see ``manage.py check``) there is nothing to announce over; the pages
    look for themselves.
    """
    if get_channel_layer() is None and not conf().IN_PROCESS_WORKER:
        return
    telemetry.subscribe(telemetry.Appended, announcer.appended)
    telemetry.subscribe(telemetry.Settled, announcer.settled)
    telemetry.subscribe(telemetry.Resolved, announcer.resolved)
    telemetry.subscribe(telemetry.Paused, announcer.switched)
    telemetry.subscribe(telemetry.Resumed, announcer.switched)
    user_logged_out.connect(announcer.signed_out, dispatch_uid="flowdeck.live")
