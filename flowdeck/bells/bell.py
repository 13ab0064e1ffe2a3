"""Bells: messages over the broker that say "there is work for this processor", and no more.

A lost, late or doubled bell changes nothing but latency: what is to be done is in the database.
While a bell of a processor is ringing (a key in Redis that expires by itself) it is not rung
again, so that a burst of commits costs one message.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import redis

from flowdeck.bells import messages, nearby
from flowdeck.bells.line import TIMEOUT, Breaker, Line, Resting, client, packed
from flowdeck.conf import conf
from flowdeck.declare import interception

DRAIN_TASK = "flowdeck.drain"
REPLAY_TASK = "flowdeck.replay"
PROVE_TASK = "flowdeck.prove"
BROKER_ERRORS: tuple[type[Exception], ...] = (redis.RedisError, OSError)

breaker = Breaker()


@lru_cache(maxsize=4)
def _line(url: str) -> Line:
    return Line(url, lambda: breaker.resting)


@lru_cache(maxsize=4)
def _redis(url: str) -> redis.Redis:
    return client(url)


def queue() -> str:
    """The name of the queue where bells for due work are rung, as this process has it."""
    return str(messages.queue_of(DRAIN_TASK).name)


def key(processor: str) -> str:
    """The key in Redis that is there while the bell of ``processor`` is ringing."""
    return f"{conf().PREFIX}:bell:{processor}"


def ring(processors: Iterable[str], wait: bool = False) -> bool:
    """Ring the bells of ``processors`` that are not ringing yet.

    Returns whether they all ring now. Without ``wait`` that is as far as is known: whether Redis
    could do it is learnt with the next bell. Never raises: a bell that can't be rung is counted,
    and the sweep finds the work.
    """
    names = interception.heard(sorted(set(processors)))
    if not names:
        return True
    if conf().IN_PROCESS_WORKER:
        return nearby.porch.ring(nearby.Errand(DRAIN_TASK, name) for name in names)
    if breaker.resting:
        return False
    try:
        _ring_silent(names, wait)
    except Resting:
        return False
    except BROKER_ERRORS as error:
        breaker.failed(error)
        return False
    breaker.worked()
    return True


def start_run(number: int) -> bool:
    """Ask a worker to do a replay run that waits. Returns whether it was asked; never raises."""
    return _ask_worker(REPLAY_TASK, number)


def start_proof(number: int) -> bool:
    """The same of a repair that is to be proved."""
    return _ask_worker(PROVE_TASK, number)


def _ask_worker(task: str, number: int) -> bool:
    if conf().IN_PROCESS_WORKER:
        return nearby.porch.ring([nearby.Errand(task, number)])
    if breaker.resting:
        return False
    try:
        messages.send(task, number, TIMEOUT)
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
        self._sent: int | None = None
        self._url = conf().REDIS_URL
        if conf().IN_PROCESS_WORKER or not self._url or breaker.resting:
            return
        try:
            self._sent = _line(self._url).send(packed("DEL", key(processor)))
        except Resting:
            return
        except BROKER_ERRORS as error:
            breaker.failed(error)

    def done(self) -> bool:
        """Whether it was known already that the bell is clear; waits until it is. Never raises."""
        if self._sent is None:
            return True
        number, self._sent = self._sent, None
        try:
            _line(self._url).wait(number)
        except BROKER_ERRORS as error:
            breaker.failed(error)
        return False


def _ring_silent(names: list[str], wait: bool) -> None:
    url, expiry = conf().REDIS_URL, int(conf().BELL_SECONDS * 1000)
    keys = [key(name) for name in names]
    if url and messages.shares_broker(url):
        line = _line(url)
        number = line.send(messages.unless_set(tuple(keys), expiry, DRAIN_TASK, tuple(names)))
        if wait:
            line.wait(number)
        return
    for one, name in zip(keys, names, strict=True):
        if not url or _redis(url).set(one, 1, nx=True, px=expiry):
            messages.send(DRAIN_TASK, name, TIMEOUT)
