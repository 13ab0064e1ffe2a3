"""Bare Celery over Redis: tasks that do nothing. ``python -m benchmarks.peers.bare STEP N``."""

from __future__ import annotations

import json
import os
import sys
import time

import redis
from celery import Celery

from benchmarks import provider
from benchmarks.turns import steadily

REDIS = os.environ["REDIS_URL"]
SETTINGS = {
    "broker_url": REDIS.replace("unix://", "redis+socket://"),
    "task_ignore_result": True,
    "worker_prefetch_multiplier": int(os.environ.get("PREFETCH", "4")),
    "worker_disable_rate_limits": True,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
    "task_default_delivery_mode": "transient",
    "broker_connection_retry_on_startup": True,
}
app = Celery("bare")
app.conf.update(SETTINGS)
_redis = redis.Redis.from_url(REDIS)


@app.task(name="bare.noop")
def noop(n: int) -> None:
    """Nothing."""


@app.task(name="bare.call")
def call(n: int) -> None:
    """Wait for somebody else's server."""
    provider.ask(n)


@app.task(name="bare.mark")
def mark() -> None:
    """Note the moment."""
    _redis.rpush("marks", time.time())


@app.task(name="bare.timed")
def timed(at: float) -> None:
    """Tell how long ago it was sent."""
    _redis.rpush("celery_latency", time.time() - at)


def send(count: int) -> dict[str, float]:
    """So many tasks, between two marks."""
    mark.delay()
    started = time.perf_counter()
    for n in range(count):
        noop.delay(n)
    rate = count / (time.perf_counter() - started)
    mark.delay()
    return {"celery_publish": rate}


def send_calls(count: int) -> dict[str, float]:
    """So many tasks that call, between two marks."""
    mark.delay()
    for n in range(count):
        call.delay(n)
    mark.delay()
    return {}


def send_timed(rate: int, seconds: int, turn: int) -> dict[str, float]:
    """Tasks that carry the moment they were sent, in every other second."""
    for _ in steadily(rate, seconds, turn):
        timed.delay(time.time())
    return {}


if __name__ == "__main__":
    step = {"send": send, "send_calls": send_calls, "send_timed": send_timed}[sys.argv[1]]
    print(json.dumps(step(*map(int, sys.argv[2:]))))
