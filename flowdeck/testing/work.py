"""Working off what is due, in this process, and what handlers raised meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import F
from uuid_utils.compat import uuid7

from flowdeck import telemetry
from flowdeck.database import connection
from flowdeck.declare import interception
from flowdeck.declare.event import Delivery
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.states import DeliveryState
from flowdeck.engine import schedules
from flowdeck.engine.drain import drain, due_processors
from flowdeck.errors import Reject, Snooze
from flowdeck.letters.dead_letters import make_due
from flowdeck.models import Clock, Due, Lane, Schedule, Timer
from flowdeck.models import Delivery as DeliveryRow

_ROUNDS = 1000
_BLOCKS = re.compile(r"\s*(?:SAVEPOINT|RELEASE|ROLLBACK)", re.IGNORECASE)
Step = Callable[[str], None]


@dataclass(slots=True)
class Raised:
    """What handlers raised that made an attempt fail, in order."""

    errors: list[BaseException] = field(default_factory=list)
    _last: dict[tuple[str, int], BaseException] = field(default_factory=dict)

    @contextmanager
    def noting(self, deliveries: Sequence[Delivery]) -> Iterator[None]:
        """Keep what a handler raises for these."""
        try:
            yield
        except BaseException as error:
            self._last.update({(one.processor, one.id): error for one in deliveries})
            raise

    def failed(self, told: telemetry.AttemptFailed) -> None:
        """The engine took it for a failed attempt."""
        error = self._last.get((told.processor, told.position))
        if error is not None and not isinstance(error, (Reject, Snooze)):
            self.errors.append(error)


def work(names: Sequence[str], *, hurry: bool, step: Step) -> list[BaseException]:
    """Work on the named processors (all, if none) until nothing is due; what their handlers raised.

    Timers that are due come first, each time.
    With ``hurry`` the waits between attempts are ended. ``step`` is told of each step of a
    delivery, and may raise there what ends a worker.
    """
    chosen = tuple(registry.processor(name).name for name in names)
    schedules.forget_introduced()  # what a test before this one wrote was rolled back
    with _watched(step) as raised:
        for _ in range(_ROUNDS):
            schedules.catch_up()
            due = [name for name in due_processors() if not chosen or name in chosen]
            with _counted(step):
                done = sum(drain(registry.processor(name)) for name in due)
            if not done and not (hurry and _end_waits(chosen)):
                return raised.errors
    raise AssertionError(f"Work is left after {_ROUNDS} rounds: a handler may snooze for ever.")


def time_passes(span: timedelta) -> None:
    """Let so much time pass for all that waits for a time.

    Clocks stay as they are: what waits is due earlier.
    """
    waiting = (Timer.objects.filter(ended_at=None), Due.objects.filter(due_at__isnull=False))
    for rows in waiting:
        rows.update(due_at=F("due_at") - span)
    Timer.objects.filter(ended_at=None).update(stale_at=F("stale_at") - span)
    Clock.objects.update(walked_at=None, behind=None)  # what is due since longer is looked at too
    Schedule.objects.update(last_nominal=F("last_nominal") - span)
    for timer in Timer.objects.filter(ended_at=None, scope__startswith="schedule:"):
        # Its nominal time comes again, by clocks that stay: it must not be the event of both.
        Timer.objects.filter(pk=timer.pk).update(event_id=uuid7())


def worker_is_gone() -> None:
    """What a worker had leased is free: it has died, and its leases have run out."""
    Lane.objects.filter(token__isnull=False).update(lease_expires_at=None, token=None)


def _end_waits(chosen: Sequence[str]) -> int:
    waiting = DeliveryRow.objects.filter(state=DeliveryState.RETRYING)
    return make_due(waiting.filter(processor__in=chosen) if chosen else waiting)


@contextmanager
def _counted(step: Step) -> Iterator[None]:
    """Each statement but those of blocks is a step."""

    def counting(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not _BLOCKS.match(sql):
            step(f"before {' '.join(sql.split())[:60]}")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(counting):
        yield


@contextmanager
def _watched(step: Step) -> Iterator[Raised]:
    raised, before = Raised(), interception.installed()

    def around(processor: Processor, deliveries: Sequence[Delivery], handle: Any) -> Any:
        step(f"before the handler of {processor.name!r}")
        with raised.noting(deliveries):
            result = handle() if before[0] is None else before[0](processor, deliveries, handle)
        if isinstance(result, Iterator):  # a generator does its work while it is gone through
            return to_its_end(processor, deliveries, result)
        step(f"after the handler of {processor.name!r}")
        return result

    def to_its_end(
        processor: Processor, deliveries: Sequence[Delivery], result: Iterator[Any]
    ) -> Iterator[Any]:
        with raised.noting(deliveries):
            yield from result
        step(f"after the handler of {processor.name!r}")

    interception.install(around, muffled=lambda name: True)  # nobody else is to come
    telemetry.subscribe(telemetry.AttemptFailed, raised.failed)
    try:
        yield raised
    finally:
        telemetry.unsubscribe(telemetry.AttemptFailed, raised.failed)
        interception.install(*before)
