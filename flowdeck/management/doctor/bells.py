"""Redis, the broker and the workers: a bell is rung, and it is seen whether somebody answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import redis
from celery import current_app

from flowdeck import clock
from flowdeck.bells import bell, line
from flowdeck.conf import conf
from flowdeck.declare.registry import registry
from flowdeck.management.doctor.finding import Finding
from flowdeck.models import ProcessorState
from flowdeck.observe.overview import alive_workers
from flowdeck.words import counted, duration

OLDEST_REDIS = 6


def redis_server() -> Iterator[Finding]:
    """Whether it answers, how old it is, and whether it keeps what it is given."""
    url = conf().REDIS_URL
    if conf().IN_PROCESS_WORKER or not url:
        return  # it needs none, or a check says so
    place = urlsplit(url).hostname or url.partition(":")[0]
    try:
        with line.client(url) as client:
            about = client.info()
            moment = client.time()
    except redis.RedisError as error:
        yield Finding(
            False, f"Redis at {place}: {error}", "Start it, or mend FLOWDECK['REDIS_URL']."
        )
        return
    version = str(about.get("redis_version", "0"))
    yield Finding(
        int(version.partition(".")[0]) >= OLDEST_REDIS,
        f"Redis {version} answers",
        f"Use Redis {OLDEST_REDIS} or newer, or Valkey.",
    )
    if str(about.get("maxmemory_policy", "noeviction")).startswith("allkeys"):
        yield Finding(
            False,
            "Redis drops keys when memory is short, the queue of bells among them",
            "Set its maxmemory-policy to noeviction, or use another Redis for caches.",
        )
    apart = abs(moment[0] + moment[1] / 1e6 - time.time())
    if apart > 1:
        yield Finding(
            False, f"this host's clock and Redis's are {apart:.1f} s apart", "Keep both by NTP."
        )


def broker() -> Iterator[Finding]:
    """Whether Celery's broker answers."""
    if conf().IN_PROCESS_WORKER:
        return
    try:
        with current_app.connection_for_write(connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
    except Exception as error:  # whatever its transport raises
        yield Finding(
            False,
            f"the broker does not answer: {type(error).__name__}: {error}",
            "Start it, or mend CELERY_BROKER_URL.",
        )
    else:
        yield Finding(True, "the broker answers")


def workers() -> Iterator[Finding]:
    """Who says that they are alive, and whether they reach Redis and the broker."""
    alive = list(alive_workers(clock.now()))
    queue = bell.queue()
    if not alive:
        yield Finding(
            False,
            "no worker has said within 15 s that it is alive",
            "Start `manage.py runserver`, and wait for some seconds."
            if conf().IN_PROCESS_WORKER
            else f"Start one that hears the queue {queue!r}: "
            f"`celery -A PROJECT worker -Q {queue}`.",
        )
        return
    yield Finding(True, f"{counted(len(alive), 'worker process', 'worker processes')} alive")
    for worker in alive:
        if worker.cut_off_since:
            yield Finding(
                False,
                f"{worker.name} reaches neither Redis nor the broker",
                "Look at its network and its settings.",
            )


def answered() -> Iterator[Finding]:
    """Ring one bell: whoever answers takes the mark away that says it is ringing."""
    paused = ProcessorState.objects.filter(paused_at__isnull=False).values_list("name", flat=True)
    names = sorted(registry.processors.keys() - set(paused))
    if not names or not conf().REDIS_URL or conf().IN_PROCESS_WORKER:
        return
    queue, began = bell.queue(), time.monotonic()
    with line.client(conf().REDIS_URL) as client:
        client.delete(bell.key(names[0]))
        if not bell.ring([names[0]], wait=True):
            return  # Redis or the broker is at fault, as said already
        while time.monotonic() - began < conf().BELL_SECONDS * 0.9:
            if not client.exists(bell.key(names[0])):
                took = duration(time.monotonic() - began)
                yield Finding(True, f"a worker answers the bell in {took}")
                return
            time.sleep(0.01)
    yield Finding(
        False,
        f"nobody answers the bell of {names[0]!r} in the queue {queue!r}",
        f"Let a worker listen to it (`-Q {queue}`), or set FLOWDECK['QUEUE'] to a queue that "
        "workers hear. Two projects on one Redis need queues of different names.",
    )
