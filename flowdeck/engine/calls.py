"""Calls of one processor's handler that are in the air: many at once, each for another key.

``async def`` handlers run as tasks of the process's event loop, others in threads. What became of
them comes back through a queue to the thread that started them, which alone asks the database.

A call that takes longer than its processor's ``timeout`` is cancelled, or has HandlerTimedOut
raised in its thread. One that hears nothing is given up five seconds later: its attempt has failed,
and what is left of it goes on without anybody listening. If it blocks the event loop, so that none
of the others can go on, this process has nothing more to do with that loop (:attr:`Calls.deaf`).
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connections

from flowdeck import clock
from flowdeck.declare.registry import Processor
from flowdeck.engine import event_loop, watchdog
from flowdeck.engine import faults as infrastructure
from flowdeck.engine.attempt import attempt, attempt_async
from flowdeck.engine.lanes import Claim
from flowdeck.engine.outcome import HandlerFailed, Outcome, failed
from flowdeck.errors import HandlerTimedOut
from flowdeck.sql import DueDelivery

logger = logging.getLogger("flowdeck")
_TOGETHER = 0.005  # seconds: what comes back within them is committed together
_LOOK = 0.05
_NOTICED, _BLOCKED = 0.1, 1.0


@dataclass(eq=False, slots=True)
class Call:
    """One of them. ``late``: it was cancelled because of its time-out; ``raised``: it blocked the
    event loop, and its error was raised in it. Time that another one blocks does not count."""

    due: DueDelivery
    claim: Claim
    started: datetime
    begins: float
    task: asyncio.Task[Any] | None = None
    late: bool = False
    raised: bool = False
    named: bool = False

    @property
    def seconds(self) -> float:
        """How long it has been in the air."""
        return time.monotonic() - self.begins


Landed = tuple[Call, Outcome | BaseException]


@dataclass(eq=False)
class Calls:
    """What one drain has in the air. ``deaf``: the one that blocks the event loop was given up."""

    processor: Processor
    deaf: bool = False
    _aired: set[Call] = field(default_factory=set)
    _back: queue.SimpleQueue[Landed] = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        """Threads or the event loop, as the handler needs it."""
        self._way: _Tasks | _Threads = (
            _Tasks(self._back.put) if self.processor.asynchronous else _Threads(self._back.put)
        )

    def __len__(self) -> int:
        """How many there are."""
        return len(self._aired)

    def __iter__(self) -> Iterator[Call]:
        """All of them, in no order."""
        return iter(self._aired)

    def start(self, due: DueDelivery, claim: Claim) -> None:
        """Call the handler, not before the claim's own time."""
        left = max(0.0, claim.starts_at - time.monotonic())
        started = clock.now() + timedelta(seconds=left)
        call = Call(due, claim, started, time.monotonic() + left)
        self._aired.add(call)
        self._way.start(self.processor, call)

    def landed(self) -> list[tuple[Call, Outcome | Exception]]:
        """Wait for a moment, and give what has come back: outcomes, or faults of the database.

        Raises what ends this worker.
        """
        found: list[Landed] = []
        end = time.monotonic() + _LOOK
        while (left := end - time.monotonic()) > 0 and len(found) < len(self._aired):
            try:
                found.append(self._back.get(timeout=left))
            except queue.Empty:
                break
            end = min(end, time.monotonic() + _TOGETHER) if len(found) == 1 else end
        ours = [(call, what) for call, what in found if call in self._aired]
        self._aired.difference_update(call for call, _ in ours)
        ours += self._overdue()
        return [(call, self._outcome(call, what)) for call, what in ours]

    def end(self) -> None:
        """Nobody waits for what is in the air any more: its results are dropped."""
        self._way.end(list(self._aired))
        self._aired.clear()
        if self.deaf:
            self._way.leave_behind()

    def _outcome(self, call: Call, what: Outcome | BaseException) -> Outcome | Exception:
        if isinstance(what, Outcome):
            return what
        if infrastructure.ends_this_worker(what) or not isinstance(what, Exception):
            raise what
        try:
            return failed(self.processor, call.due, call.started, what)
        except Exception as fault:
            return fault

    def _overdue(self) -> list[Landed]:
        """End what takes too long, and give those that have heard nothing of it."""
        blocked = self._way.blocked(self._aired)
        self.deaf = self.deaf or self._way.left
        if blocked is not None:
            self._name(blocked)
        timeout = self.processor.timeout
        if timeout is None:
            return []
        for one in self._aired:
            if one.seconds > timeout and not one.late:
                one.late = True
                self._way.cancel(one)
            if one is blocked and one.seconds > timeout + watchdog.RAISE_AFTER and not one.raised:
                one.raised = True
                self._way.interrupt()
        lost = [one for one in self._aired if one.seconds > timeout + watchdog.END_AFTER]
        for one in lost:
            logger.critical("%s hangs and hears nothing: it is given up.", self.processor.where)
            self._aired.discard(one)
            self.deaf = self.deaf or one is blocked
        error = watchdog.timed_out(self.processor.where, timeout)
        return [(one, HandlerFailed(error, untouched=True)) for one in lost]

    def _name(self, blocker: Call) -> None:
        if not blocker.named:
            blocker.named = True
            logger.warning(
                "%s blocks the event loop of its process: nothing else goes on in it. Await what "
                "it waits for, or declare it without async and with overlap=.",
                self.processor.where,
            )


def alone(processor: Processor, due: DueDelivery) -> Outcome:
    """The outcome of one call with nothing beside it, whatever the handler is.

    Raises as :func:`flowdeck.engine.attempt.attempt` does.
    """
    if not processor.asynchronous:
        return attempt(processor, due)
    calls = Calls(processor)
    calls.start(due, Claim([], None))
    while not (landed := calls.landed()):
        pass
    calls.end()
    _, what = landed[0]
    if isinstance(what, Exception):
        raise what
    return what


class _Tasks:
    """In the event loop."""

    def __init__(self, back: Callable[[Landed], None]) -> None:
        self._back, self.loop, self._excused = back, event_loop.event_loop(), 0.0

    def start(self, processor: Processor, call: Call) -> None:
        self.loop.submit(self._fly(processor, call))

    @property
    def left(self) -> bool:
        """Whether the loop was left behind."""
        return self.loop.left

    def blocked(self, aired: set[Call]) -> Call | None:
        """Which of these has blocked the loop for a second; the others are not to blame for it."""
        silent, running = self.loop.silent_for(), self.loop.running()
        if silent < _NOTICED:
            self._excused = 0.0
            return None
        for one in aired:
            if one.task is not running or running is None:
                one.begins += silent - self._excused
        self._excused = silent
        blocking = next((one for one in aired if one.task is running is not None), None)
        return blocking if silent > _BLOCKED else None

    def interrupt(self) -> None:
        watchdog.raise_in(self.loop.thread, HandlerTimedOut)

    def cancel(self, call: Call) -> None:
        if call.task is not None:
            self.loop.cancel(call.task)

    def end(self, aired: list[Call]) -> None:
        for one in aired:
            self.cancel(one)

    def leave_behind(self) -> None:
        event_loop.leave_behind(self.loop)

    async def _fly(self, processor: Processor, call: Call) -> None:
        call.task = asyncio.current_task()
        try:
            await asyncio.sleep(max(0.0, call.begins - time.monotonic()))
            call.begins = time.monotonic()
            late = partial(getattr, call, "late")
            self._back((call, await attempt_async(processor, call.due, call.started, late)))
        except BaseException as error:
            self._back((call, error))


class _Threads:
    """In threads, which wait for the next one until the drain ends. None blocks the others."""

    left = False

    def __init__(self, back: Callable[[Landed], None]) -> None:
        self._back = back
        self._work: queue.SimpleQueue[tuple[Processor, Call] | None] = queue.SimpleQueue()
        self._free, self._count = threading.Semaphore(0), 0

    def start(self, processor: Processor, call: Call) -> None:
        if not self._free.acquire(blocking=False):
            self._count += 1
            threading.Thread(target=self._run, name="handler", daemon=True).start()
        self._work.put((processor, call))

    def blocked(self, aired: set[Call]) -> Call | None:
        """None does."""
        return None

    def cancel(self, call: Call) -> None:
        """The watchdog does so. A thread that hears nothing is left behind, and ends with it."""

    def interrupt(self) -> None:
        """The watchdog does so, too."""

    def leave_behind(self) -> None:
        """There is no loop."""

    def end(self, aired: list[Call]) -> None:
        for _ in range(self._count):
            self._work.put(None)

    def _run(self) -> None:
        try:
            while (work := self._work.get()) is not None:
                processor, call = work
                what: Outcome | BaseException
                try:
                    time.sleep(max(0.0, call.begins - time.monotonic()))
                    what = attempt(processor, call.due)
                except BaseException as error:
                    what = error
                self._free.release()
                self._back((call, what))
        finally:
            connections.close_all()
