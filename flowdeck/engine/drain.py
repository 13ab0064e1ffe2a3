"""The drain: answer a bell by working on a processor until nothing is due.

Celery tasks, the sweep and ``manage.py drain`` all come here. ``docs/engine.md`` explains why it is
built on lanes.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import connection

from flowdeck import telemetry
from flowdeck.bells import bell
from flowdeck.conf import conf
from flowdeck.declare.registry import Processor, registry
from flowdeck.engine import batch, careful, lanes
from flowdeck.engine import faults as infrastructure
from flowdeck.engine.lanes import Claim
from flowdeck.errors import LeaseLost
from flowdeck.history import fold
from flowdeck.sql import dialect

_SLOW = 0.05  # seconds per delivery above which a handler gets small claims
_SLOW_BATCH = 8


def answer_bell(name: str) -> None:
    """Drain the processor ``name`` because its bell was rung. Raises UnknownProcessor."""
    processor = registry.processor(name)
    clearing = bell.Clearing(name)  # before the first claim: a commit from now on rings again
    try:
        drain(processor, bell_is_clear=clearing.done)
    finally:
        clearing.done()


def due_processors() -> list[str]:
    """Names of declared processors with due work that are not paused."""
    with connection.cursor() as cursor:
        return dialect().due_processors(cursor, sorted(registry.processors))


def drain_all(limit: int = 1_000_000) -> int:
    """Drain every processor in this process until nothing is due; return how much was settled.

    Stops after about ``limit`` deliveries. For commands and tests; workers answer bells.
    """
    lanes.create_missing(registry.processors.values())  # a new projection has a past to work on
    settled = 0
    while settled < limit:
        before = settled
        for name in due_processors():
            settled += drain(registry.processor(name))
        if settled == before:
            break
    fold.catch_up()
    return settled


def drain(
    processor: Processor,
    seconds: float | None = None,
    bell_is_clear: Callable[[], bool] = lambda: True,
) -> int:
    """Work on ``processor`` until nothing is due or the time is up; return how much was settled.

    Faults of the infrastructure end it early; the sweep starts it again. As long as
    ``bell_is_clear`` says no, there is another look before the end.
    """
    end = time.monotonic() + (conf().DRAIN_SECONDS if seconds is None else seconds)
    settled, fruitless, pace = 0, set[int](), _Pace(processor)
    try:
        while time.monotonic() < end:
            claim = lanes.claim(processor, pace.lanes, fruitless)
            last_look = bell_is_clear()
            if claim is not None:
                count = _work(processor, claim, pace)
                settled += count
                if count == 0:
                    fruitless.update(claim.ids)
            elif last_look:
                return settled
    except Exception as error:
        if not (infrastructure.is_fault(error) or isinstance(error, LeaseLost)):
            raise
        telemetry.emit(telemetry.InfrastructureFault(processor.name, error))
        connection.close_if_unusable_or_obsolete()
        return settled
    bell.ring([processor.name])
    return settled


def _work(processor: Processor, claim: Claim, pace: _Pace) -> int:
    began = time.monotonic()
    try:
        if (suspicious := claim.suspicious()) is not None:
            claim = claim.only(suspicious)
            done = careful.run_one(processor, claim)
        else:
            done = batch.run(processor, claim, pace.batch_size)
    except Exception as error:
        if not isinstance(error, LeaseLost):
            careful.note(processor, claim, error)
        raise
    count = len(done.outcomes)
    if count and done.due >= pace.batch_size and len(claim.lanes) >= pace.lanes:
        bell.ring([processor.name])  # there is more than one worker's fill, on other lanes too
    pace.note(count, time.monotonic() - began)
    return count


class _Pace:
    """How much to take at once, remembered per process.

    A handler outside of transactions holds all lanes of its claim while it waits for the world, so
    it gets more than one only once it has shown to be fast. Who takes one at a time gets one lane.
    """

    _fast: set[str] = set()

    def __init__(self, processor: Processor) -> None:
        self._processor = processor

    @property
    def slow(self) -> bool:
        return not self._processor.atomic and self._processor.name not in self._fast

    @property
    def lanes(self) -> int:
        return 1 if self.slow or self.batch_size == 1 else conf().LANES_PER_CLAIM

    @property
    def batch_size(self) -> int:
        size = self._processor.batch_size
        return min(size, _SLOW_BATCH) if self.slow else size

    def note(self, count: int, seconds: float) -> None:
        if count and seconds / count > _SLOW:
            self._fast.discard(self._processor.name)
        elif count:
            self._fast.add(self._processor.name)
