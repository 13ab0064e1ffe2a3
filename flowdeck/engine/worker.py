"""Hooks into the Celery worker, so that each of its processes sweeps."""

from __future__ import annotations

from typing import Any

import kombu.transport.redis
import kombu.transport.virtual
from celery.concurrency import prefork
from celery.signals import (
    heartbeat_sent,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)
from django.core.checks import run_checks

from flowdeck.conf import conf
from flowdeck.engine import signs_of_life, sweep
from flowdeck.engine.signs_of_life import hears_bells
from flowdeck.processes import collect_less_often


class _ForgivingQoS(kombu.transport.redis.QoS):
    """Frees the place of a message even when Redis can't be told that it was taken.

    Kombu's own keeps it taken (celery/celery#10205). When that happens to all places at once, which
    is the rule when Redis vanishes under load, the worker waits for no message any more, so it does
    not notice that the connection is gone either, and stays deaf for ever.
    """

    def ack(self, delivery_tag: str) -> None:
        """Take back the message's place, whatever Redis says."""
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        except Exception:
            kombu.transport.virtual.QoS.ack(self, delivery_tag)
            raise


@worker_init.connect(weak=False)  # type: ignore[untyped-decorator]
def _refuse_what_can_not_work(**_: Any) -> None:
    if not hears_bells():
        return
    # Celery runs Django's checks and drops what they find.
    found = [one for one in run_checks(tags=["flowdeck"]) if one.is_serious()]
    errors = [one for one in found if not one.is_silenced()]
    if errors:
        raise SystemExit("\n".join(["The worker does not start:", *map(str, errors)]))


@worker_init.connect(weak=False)  # type: ignore[untyped-decorator]
def _stay_able_to_hear(**_: Any) -> None:
    if conf().TUNE_WORKERS:
        kombu.transport.redis.Channel.QoS = _ForgivingQoS


@worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
def _start_in_pool_process(**_: Any) -> None:
    if conf().TUNE_WORKERS:
        collect_less_often()
    if hears_bells():
        sweep.start()


@worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]
def _start_without_pool_processes(sender: Any = None, **_: Any) -> None:
    # All other pools work in this process: solo, threads, gevent, eventlet, somebody's own.
    if not isinstance(getattr(sender, "pool", None), prefork.TaskPool) and hears_bells():
        sweep.start()


@heartbeat_sent.connect(weak=False)  # type: ignore[untyped-decorator]
def _be_known(**_: Any) -> None:
    if not hears_bells():
        signs_of_life.say_alive_elsewhere()


@worker_process_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
@worker_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    sweep.stop()
