from __future__ import annotations

import time
from functools import cache

import redis
from django.conf import settings

from benchmarks import provider
from benchmarks.flow.events import Answered, Asked, Called, Gathered, Noted, Pinged, Served, Timed
from benchmarks.flow.models import Note
from flowdeck import Delivery, Limits, processor


@processor("bench.noop")
def noop(event: Pinged) -> None:
    """No effect."""


@processor("bench.echo")
def echo(event: Asked) -> Answered:
    """Returns an event."""
    return Answered(n=event.n)


@processor("bench.orm")
def orm(event: Noted) -> None:
    """One ORM insert per event."""
    Note.objects.create(n=event.n, text="noted")


@processor("bench.batch", batch=True)
def batch(events: list[Gathered], deliveries: list[Delivery]) -> None:
    """One ORM insert for all events of a batch."""
    Note.objects.bulk_create([Note(n=event.n, text="noted") for event in events])


@processor("bench.timed")
def timed(event: Timed) -> None:
    """Tells its latency, as the Celery task beside it does."""
    _redis().rpush("latency", time.time() - event.at)


@processor("bench.tenants", limits=Limits(per="20/s", by="tenant"))
def tenants(event: Served) -> None:
    """No effect, so often a second for each tenant."""


@processor("bench.call")
async def call(event: Called) -> None:
    """Waits for somebody else's server."""
    await provider.ask_async(event.n)


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)
