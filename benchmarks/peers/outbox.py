"""``django-celery-outbox``: a task is a row of the transaction; a relay hands it to Celery.

``python -m benchmarks.peers.outbox STEP``; ``-A benchmarks.peers.outbox`` for the worker.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time

import django
import structlog
from django.conf import settings

from benchmarks.peers.bare import SETTINGS, _redis
from benchmarks.peers.django_database import databases

if not settings.configured:
    settings.configure(
        DATABASES=databases(os.environ["DATABASE_URL"]),
        USE_TZ=True,
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django_celery_outbox",
        ],
        CELERY_OUTBOX_APP="benchmarks.peers.outbox.app",
        MONITORING_METRICS_ENABLED=False,
    )
    django.setup()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))

from django.core.management import call_command
from django.db import transaction
from django_celery_outbox import OutboxCelery

app = OutboxCelery("outbox")
app.conf.update(SETTINGS)


@app.task(name="outbox.noop")
def noop(n: int) -> None:
    """Nothing."""


@app.task(name="outbox.mark")
def mark() -> None:
    """Note the moment."""
    _redis.rpush("marks", time.time())


def prepare() -> dict[str, float]:
    """Tables."""
    call_command("migrate", verbosity=0)
    return {}


def send(count: str) -> dict[str, float]:
    """One task per transaction, between two marks."""
    with transaction.atomic():
        mark.delay()
    started = time.perf_counter()
    for n in range(int(count)):
        with transaction.atomic():
            noop.delay(n)
    rate = int(count) / (time.perf_counter() - started)
    with transaction.atomic():
        mark.delay()
    return {"celery_outbox_publish": rate}


def relay() -> dict[str, float]:
    """Hand rows to Celery until stopped."""
    call_command("celery_outbox_relay", batch_size=500, idle_time=0.1)
    return {}


if __name__ == "__main__":
    step = {"prepare": prepare, "send": send, "relay": relay}[sys.argv[1]]
    print(json.dumps(step(*sys.argv[2:])))
