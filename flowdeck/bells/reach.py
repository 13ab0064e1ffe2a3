"""Whether this process reaches the Redis and the broker that its bells go over.

A bell that can't be rung is no error of whoever rings it, and one that can't be heard is silent: so
it is asked for, and what is found is told with the signs of life.
"""

from __future__ import annotations

import time

import kombu.exceptions
import redis
from celery import current_app

from flowdeck.bells import bell, line, messages
from flowdeck.conf import conf


def fault() -> Exception | None:
    """What keeps this process from Redis or the broker; None if both answer.

    Waits for each for as long as a hung Redis may cost. A process that needs neither has no fault.
    """
    if conf().IN_PROCESS_WORKER:
        return None
    url = conf().REDIS_URL
    try:
        if url:
            with line.client(url) as client:
                client.ping()
        if not (url and messages.shares_broker(url)):
            with current_app.connection_for_write(connect_timeout=line.TIMEOUT) as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
    except (redis.RedisError, OSError, kombu.exceptions.KombuError) as error:
        return error
    return None


def silent_for() -> float | None:
    """Seconds for which this process has not been able to ring; None if it can, or never tried.

    While bells fail, it is tried again now and then.
    """
    breaker = bell.breaker
    if breaker.failing_since is not None and not breaker.resting:
        if error := fault():
            breaker.failed(error)
        else:
            breaker.worked()
    return None if breaker.failing_since is None else time.monotonic() - breaker.failing_since
