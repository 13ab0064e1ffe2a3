"""Bells: messages over the broker that say "there is work for this processor", and no more.

A lost, late or doubled bell changes nothing but latency: what is to be done is in the database.
While a bell of a processor is ringing (a key in Redis that expires by itself) it is not rung
again, so that a burst of commits costs one message.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import kombu.exceptions
import kombu.pools
import redis
from celery import current_app
from redis.backoff import NoBackoff
from redis.retry import Retry
from uuid_utils import uuid7

from events import interception, telemetry
from events.conf import conf

_TIMEOUT = 0.5  # seconds a hung Redis may cost
_CONNECTIONS = 10
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
        for name in _silent(names):
            _send(DRAIN_TASK, name)
    except BROKER_ERRORS as error:
        breaker.failed(error)
        return False
    return True


def start_run(number: int) -> bool:
    """Ask a worker to do a replay run that waits. Returns whether it was asked; never raises."""
    if breaker.resting:
        return False
    try:
        _send(REPLAY_TASK, number)
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


def _silent(names: list[str]) -> list[str]:
    if not conf().REDIS_URL:
        return names
    client, expiry = _redis(conf().REDIS_URL), int(conf().BELL_SECONDS * 1000)
    if len(names) == 1:  # the rule; a pipeline costs twice as much
        return names if client.set(_key(names[0]), 1, nx=True, px=expiry) else []
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.set(_key(name), 1, nx=True, px=expiry)
    return [name for name, was_set in zip(names, pipeline.execute(), strict=True) if was_set]


def _send(task: str, argument: str | int) -> None:
    queue, headers, body = _message(task, argument)
    number = str(uuid7())
    try:
        with _producers(os.getpid()).acquire(block=True, timeout=_TIMEOUT) as producer:
            producer.publish(
                body, headers={**headers, "id": number, "root_id": number}, correlation_id=number,
                exchange="", routing_key=queue.name, declare=[queue], serializer="json",
                delivery_mode=1, retry=False,
            )  # fmt: skip
    except kombu.exceptions.KombuError as error:
        raise ConnectionError(str(error)) from error


@lru_cache(maxsize=1000)
def _message(task: str, argument: str | int) -> tuple[Any, dict[str, Any], Any]:
    # A bell says the same each time but for its number; send_task() would build it anew, which
    # takes as long as sending it.
    amqp = current_app.amqp
    message = amqp.as_task_v2("", task, (argument,), {}, ignore_result=True)
    return amqp.router.route({}, task)["queue"], message.headers, message.body


@lru_cache(maxsize=1)
def _producers(pid: int) -> kombu.pools.ProducerPool:
    """Producers of this process that give up at once, unlike Celery's own, which wait and retry."""
    connection = current_app.connection_for_write()
    connection.transport_options = {
        **connection.transport_options,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
    }
    return kombu.pools.ProducerPool(connection.Pool(limit=_CONNECTIONS), limit=_CONNECTIONS)
