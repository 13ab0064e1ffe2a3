"""Bells: messages over the broker that say "there is work for this processor", and no more.

A lost, late or doubled bell changes nothing but latency: what is to be done is in the database.
While a bell of a processor is ringing (a key in Redis that expires by itself) it is not rung
again, so that a burst of commits costs one message.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from events import interception, messages, telemetry
from events.conf import conf

_TIMEOUT = 0.5  # seconds a hung Redis may cost
_REST = 2.0  # seconds that a bell which failed is left alone

DRAIN_TASK = "events.drain"
REPLAY_TASK = "events.replay"
BROKER_ERRORS: tuple[type[Exception], ...] = (redis.RedisError, OSError)


class Breaker:
    """Leaves a faulty bell alone for a while: a hung Redis would cost every commit a time-out."""

    def __init__(self) -> None:
        self.failures = 0
        self._closed_at = 0.0

    @property
    def resting(self) -> bool:
        """Whether the last failure is too recent to try again."""
        return time.monotonic() < self._closed_at

    def failed(self, error: Exception) -> None:
        """Count a failure and rest."""
        self.failures += 1
        self._closed_at = time.monotonic() + _REST
        telemetry.emit("bell_failed", error=error)


breaker = Breaker()


@lru_cache(maxsize=4)
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), 0),  # a commit does not wait for a second try; the sweep is one
    )


def _key(processor: str) -> str:
    return f"flowdeck:bell:{processor}"


def ring(processors: Iterable[str]) -> bool:
    """Ring the bells of ``processors`` that are not ringing yet.

    Returns whether they all ring now. Never raises: a bell that can't be rung is counted, and the
    sweep finds the work.
    """
    names = interception.heard(sorted(set(processors)))
    if not names:
        return True
    if breaker.resting:
        return False
    try:
        _ring_silent(names)
    except BROKER_ERRORS as error:
        breaker.failed(error)
        return False
    return True


def start_run(number: int) -> bool:
    """Ask a worker to do a replay run that waits. Returns whether it was asked; never raises."""
    if breaker.resting:
        return False
    try:
        messages.send(REPLAY_TASK, number, _TIMEOUT)
    except BROKER_ERRORS as error:
        breaker.failed(error)
        return False
    return True


class Clearing:
    """Lets the next commit ring again, without waiting for Redis to say so.

    A commit that still finds the bell ringing sends no message, so whoever clears looks for work
    once more after :meth:`done` has first said that it is so.
    """

    def __init__(self, processor: str) -> None:
        self._connection: Any = None
        if not conf().REDIS_URL or breaker.resting:
            return
        self._pool = _redis(conf().REDIS_URL).connection_pool
        try:
            self._connection = self._pool.get_connection()
            self._connection.send_command("DEL", _key(processor))
        except BROKER_ERRORS as error:
            self._failed(error)

    def done(self) -> bool:
        """Whether it was known already that the bell is clear; waits until it is. Never raises."""
        if self._connection is None:
            return True
        try:
            self._connection.read_response()
        except BROKER_ERRORS as error:
            self._failed(error)
        else:
            self._give_back()
        return False

    def _failed(self, error: Exception) -> None:
        if self._connection is not None:
            self._connection.disconnect()
            self._give_back()
        breaker.failed(error)

    def _give_back(self) -> None:
        self._pool.release(self._connection)
        self._connection = None


def _ring_silent(names: list[str]) -> None:
    url, expiry = conf().REDIS_URL, int(conf().BELL_SECONDS * 1000)
    keys = [_key(name) for name in names]
    if url and messages.shares_broker(url):
        messages.send_unless_set(_redis(url), keys, expiry, DRAIN_TASK, names)
        return
    for key, name in zip(keys, names, strict=True):
        if not url or _redis(url).set(key, 1, nx=True, px=expiry):
            messages.send(DRAIN_TASK, name, _TIMEOUT)
