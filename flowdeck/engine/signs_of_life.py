"""Signs of life of workers: rows that say who is there, and which queues each of them hears.

A worker of other queues does none of our work, but says that it is there: so whoever waits for a
worker hears that there are some, which listen elsewhere.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.db import DatabaseError, InterfaceError

from flowdeck import clock
from flowdeck.bells import bell
from flowdeck.database import connection
from flowdeck.models import Worker
from flowdeck.processes import worker_name

logger = logging.getLogger("flowdeck")
GONE = timedelta(minutes=10)
"""Who has given no sign of life for so long is forgotten."""
EVERY = timedelta(seconds=5)
"""How often each worker process gives one."""
_LONGEST = 300
_said_at = -EVERY.total_seconds()


def hears_bells() -> bool:
    """Whether this worker listens to the queue of bells: one for other work does none of ours."""
    return bell.queue() in current_app.amqp.queues.consume_from


def say_alive(*, started_at: datetime, **figures: Any) -> None:
    """Write that this process is alive now, and forget those that were not for long."""
    now = clock.now()
    queues = ", ".join(sorted(current_app.amqp.queues.consume_from))[:_LONGEST]
    told = {"started_at": started_at, "seen_at": now, "queues": queues, "hears": hears_bells()}
    Worker.objects.update_or_create(name=worker_name(), defaults={**told, **figures})
    Worker.objects.filter(seen_at__lt=now - GONE).delete()


def say_alive_elsewhere() -> None:
    """The same for a worker that hears no bells, every few seconds. Raises nothing: it has other
    work, which is not to suffer."""
    global _said_at
    if time.monotonic() - _said_at < EVERY.total_seconds():
        return
    _said_at = time.monotonic()
    try:
        say_alive(started_at=clock.now())
    except (DatabaseError, InterfaceError):
        logger.debug("This worker could not say that it is alive.", exc_info=True)
        connection.close_if_unusable_or_obsolete()
