"""The drain: answer a bell by working on a processor until nothing is due.

Celery tasks, the sweep and ``manage.py drain`` all come here. ``docs/engine.md`` explains why it is
built on lanes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from flowdeck import telemetry
from flowdeck.bells import bell
from flowdeck.conf import conf
from flowdeck.database import connection
from flowdeck.declare.registry import Processor, registry
from flowdeck.engine import batch, careful, lanes, pump, schedules
from flowdeck.engine import faults as infrastructure
from flowdeck.engine.lanes import Claim
from flowdeck.engine.settling import Batch
from flowdeck.errors import LeaseLost
from flowdeck.history import fold
from flowdeck.sql import dialect

logger = logging.getLogger("flowdeck")
_SLOW = 0.05  # seconds per delivery above which a handler gets small claims
_SLOW_BATCH = 8


def answer_bell(name: str) -> None:
    """Drain the processor ``name`` because its bell was rung.

    One that this code does not declare is left to workers whose code does: their sweep finds it.
    """
    processor = registry.processors.get(name)
    if processor is None:
        logger.info("The bell of %s, which this code does not declare, is left to others.", name)
        return
    if (urgent := _more_urgent(processor)) is not None:
        drain(urgent)
    clearing = bell.Clearing(name)  # before the first claim: a commit from now on rings again
    try:
        drain(processor, bell_is_clear=clearing.done)
    finally:
        clearing.done()


def _more_urgent(processor: Processor) -> Processor | None:
    """Who has work and a higher priority, the highest first; it is not asked if nobody has any."""
    above = [one for one in registry.processors.values() if one.priority > processor.priority]
    if not above:
        return None
    with connection.cursor() as cursor:
        due = set(dialect().due_processors(cursor, sorted(one.name for one in above)))
    waiting = [one for one in above if one.name in due]
    return max(waiting, key=lambda one: (one.priority, one.name), default=None)


def due_processors() -> list[str]:
    """Names of declared processors with due work that are not paused."""
    with connection.cursor() as cursor:
        return dialect().due_processors(cursor, sorted(registry.processors))


def drain_all(limit: int = 1_000_000) -> int:
    """Drain every processor in this process until nothing is due; return how much was settled.

    Timers that are due come first, each time. Stops after about ``limit`` deliveries. For commands
    and tests; workers answer bells.
    """
    lanes.create_missing(registry.processors.values())  # a new projection has a past to work on
    settled = 0
    while settled < limit:
        before = settled
        schedules.catch_up()
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
    if processor.overlaps:
        return pump.drain(processor, end, bell_is_clear)
    work = _Work(processor, end)
    try:
        while time.monotonic() < end:
            claimed = work.claim()
            last_look = bell_is_clear()
            if claimed:
                work.on_what_is_claimed()
            elif last_look:
                return work.settled
        work.leave()
    except Exception as error:
        if not (infrastructure.is_fault(error) or isinstance(error, LeaseLost)):
            raise
        telemetry.emit(telemetry.InfrastructureFault(processor.name, error))
        connection.close_if_unusable_or_obsolete()
        return work.settled
    bell.ring([processor.name])
    return work.settled


class _Work:
    """What one drain does. Lanes are claimed, kept for some batches, and left with the next claim.

    A claim writes its lanes, and so does leaving them; a batch between does not. As long as an old
    snapshot is held somewhere, each version of a row stays, and all that look at it pass them.
    """

    def __init__(self, processor: Processor, end: float) -> None:
        self._processor, self._end = processor, end
        self._pace = _Pace(processor)
        self._fruitless = set[int]()
        self._claim: Claim | None = None  # left by the next one
        self.settled = 0

    def claim(self) -> bool:
        """Claim lanes, and leave those that were kept before; whether there were any to claim."""
        before, self._claim = self._claim, None
        limit = self._pace.lanes
        self._claim = lanes.claim(self._processor, limit, self._fruitless, before)
        return self._claim is not None

    def leave(self) -> None:
        """Leave the lanes that are kept."""
        if self._claim is not None:
            lanes.leave(self._claim)

    def on_what_is_claimed(self) -> None:
        """Work on the claimed lanes for a moment, or until nothing is due on them."""
        claim, self._claim = self._claim, None
        assert claim is not None
        way = self._kept if claim.token is None else self._leased
        if (suspicious := claim.suspicious()) is not None:
            claim, way = claim.only(suspicious), self._careful
        try:
            count = way(claim)
        except Exception as error:
            if not isinstance(error, LeaseLost):
                careful.note(self._processor, claim, error)
            raise
        self.settled += count
        if count == 0:
            self._fruitless.update(claim.ids)

    def _kept(self, claim: Claim) -> int:
        count, until = 0, min(self._end, time.monotonic() + lanes.KEPT_SECONDS)
        with lanes.keeping(claim):
            while True:
                size = self._pace.batch_size
                done = self._batch(claim, size, first=count == 0)
                count += len(done.outcomes)
                all_is_done = len(done.outcomes) == done.due < size
                if all_is_done or not done.outcomes or time.monotonic() > until:
                    break
        self._claim = claim
        return count

    def _leased(self, claim: Claim) -> int:
        if self._processor.limited:
            bell.ring([self._processor.name])  # while this one is in the air, others may start
        return len(self._batch(claim, self._pace.batch_size).outcomes)

    def _careful(self, claim: Claim) -> int:
        began = time.monotonic()
        count = len(careful.run_one(self._processor, claim).outcomes)
        self._pace.note(count, time.monotonic() - began)
        return count

    def _batch(self, claim: Claim, size: int, first: bool = True) -> Batch:
        began = time.monotonic()
        done = batch.run(self._processor, claim, size)
        count = len(done.outcomes)
        if first and count and done.due >= size and len(claim.lanes) >= self._pace.lanes:
            bell.ring([self._processor.name])  # there is more than a worker's fill, elsewhere too
        self._pace.note(count, time.monotonic() - began)
        return done


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
        if self._processor.limited:
            return 1
        size = self._processor.batch_size
        return min(size, _SLOW_BATCH) if self.slow else size

    def note(self, count: int, seconds: float) -> None:
        if count and seconds / count > _SLOW:
            self._fast.discard(self._processor.name)
        elif count:
            self._fast.add(self._processor.name)
