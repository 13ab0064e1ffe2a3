"""The line to Redis: commands are sent and not waited for.

Whoever commits need not hear that Redis has got the bell: the answer to a command is read before
the next one is sent, when it has long arrived. What could not be done is learnt one command late.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from flowdeck import telemetry

TIMEOUT = 0.5  # seconds a hung Redis may cost
_REST = 2.0  # seconds that what failed is left alone


class Resting(ConnectionError):
    """The last failure is too recent to try again."""


class Breaker:
    """Leaves what fails alone for a while: a hung Redis would cost every commit a time-out.

    The pattern: M. Nygard, Release It!
    """

    def __init__(self) -> None:
        self.failures = 0
        self.failing_since: float | None = None  # by time.monotonic()
        self._closed_at = 0.0

    @property
    def resting(self) -> bool:
        """Whether the last failure is too recent to try again."""
        return time.monotonic() < self._closed_at

    def failed(self, error: Exception) -> None:
        """Count a failure and rest."""
        self.failures += 1
        self._closed_at = time.monotonic() + _REST
        self.failing_since = self.failing_since or time.monotonic()
        telemetry.emit(telemetry.BellFailed(error))

    def worked(self) -> None:
        """Nothing fails any more."""
        self.failing_since = None


def packed(*command: str | int) -> bytes:
    """A command as Redis reads it (redis.io/docs/latest/develop/reference/protocol-spec)."""
    words = [str(word).encode() for word in command]
    return b"*%d\r\n%b" % (
        len(words),
        b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words),
    )


def client(url: str) -> redis.Redis:
    """A client that gives up at once: a commit does not wait for a second try; the sweep is one."""
    return redis.Redis.from_url(
        url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0)
    )


class Line:
    """One connection of this process, for all of its threads; at most one answer is awaited.

    ``resting`` says whether Redis is to be left alone.
    """

    def __init__(self, url: str, resting: Callable[[], bool]) -> None:
        self._pool = client(url).connection_pool
        self._resting = resting
        self._turn = threading.Lock()
        self._connection: Any = None
        self._pid = 0
        self._sent = self._answered = 0

    def send(self, command: bytes) -> int:
        """Send a :func:`packed` command; return its number, for :meth:`wait`.

        Raises Resting, or what redis-py raises if it can't be sent or the one before it failed.
        """
        with self._turn:
            if self._resting():  # others failed while we waited for our turn
                raise Resting("Redis has just failed.")
            try:
                self._read_answer()
                self._open().send_packed_command([command])
            except (redis.RedisError, OSError):
                self._hang_up()
                raise
            self._sent += 1
            return self._sent

    def wait(self, number: int) -> None:
        """Wait for the answer to a command, if it has not come yet. Raises as :meth:`send` does."""
        with self._turn:
            if self._answered < number:
                try:
                    self._read_answer()
                except (redis.RedisError, OSError):
                    self._hang_up()
                    raise

    def _open(self) -> Any:
        if self._connection is None:
            self._connection, self._pid = self._pool.get_connection(), os.getpid()
        elif self._was_closed():
            self._connection.disconnect()  # to be opened again by the command
        return self._connection

    def _was_closed(self) -> bool:
        # Redis was restarted, or has had enough of an idle client. The operating system would take
        # the next command all the same, and drop it.
        try:
            return bool(self._connection.can_read(0))  # nothing is awaited, so it can only be that
        except redis.ConnectionError:
            return True

    def _read_answer(self) -> None:
        if self._pid != os.getpid():  # a fork's parent goes on using the connection
            self._connection = None
        elif self._sent > self._answered:
            self._connection.read_response()
        self._answered = self._sent

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()
        self._answered = self._sent
