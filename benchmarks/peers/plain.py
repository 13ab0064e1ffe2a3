"""The plain Django + Celery way: on_commit -> task.delay; the task notes the message as processed
and updates one row, in one transaction. ``python -m benchmarks.peers.plain STEP N``."""

from __future__ import annotations

import json
import os
import sys
import time
from uuid import uuid4

import django
from celery import Celery
from django.conf import settings

from benchmarks.peers.bare import SETTINGS, _redis
from benchmarks.peers.django_database import databases

if not settings.configured:
    settings.configure(
        DATABASES=databases(os.environ["DATABASE_URL"]),
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()

from django.db import connection, models, transaction


class Processed(models.Model):
    """A message that was handled: a second one with its id is refused."""

    message_id = models.UUIDField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "plain"


class Order(models.Model):
    """What the task updates."""

    status = models.CharField(max_length=20, default="new")

    class Meta:
        app_label = "plain"


app = Celery("plain")
app.conf.update(SETTINGS)


@app.task(name="plain.handle")
def handle(message_id: str, order_id: int) -> None:
    """Once per message: note it, update its order."""
    with transaction.atomic():
        Processed.objects.create(message_id=message_id)
        Order.objects.filter(pk=order_id).update(status="paid")


@app.task(name="plain.mark")
def mark() -> None:
    """Note the moment."""
    _redis.rpush("marks", time.time())


def prepare() -> dict[str, float]:
    """Tables."""
    with connection.schema_editor() as editor:
        editor.create_model(Processed)
        editor.create_model(Order)
    return {}


def send(count: int) -> dict[str, float]:
    """So many orders, each of which sends a task when it is committed, between two marks."""
    mark.delay()
    started = time.perf_counter()
    for _ in range(count):
        with transaction.atomic():
            order = Order.objects.create()
            transaction.on_commit(lambda pk=order.pk: handle.delay(str(uuid4()), pk))
    rate = count / (time.perf_counter() - started)
    mark.delay()
    return {"plain_django_publish": rate}


if __name__ == "__main__":
    step = {"prepare": prepare, "send": send}[sys.argv[1]]
    print(json.dumps(step(*map(int, sys.argv[2:]))))
