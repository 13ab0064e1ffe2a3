"""Hooks into the Celery worker: its processes sweep, and its pool is told nothing else."""

from __future__ import annotations

from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown, worker_ready

from events import sweep


@worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
def _start_in_pool_process(**_: Any) -> None:
    sweep.start()


@worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]
def _start_without_pool_processes(sender: Any = None, **_: Any) -> None:
    pool = getattr(sender, "pool", None)
    if type(pool).__module__.endswith(("threads", "gevent", "eventlet")):
        sweep.start()


@worker_process_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    sweep.start().stop()
