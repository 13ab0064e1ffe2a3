"""One attempt at one delivery: call the handler, and turn what happens into an outcome.

The outcomes are a closed set: done (with events to append), retrying, dead, sleeping. Faults of the
infrastructure are none of them; they are raised, and the whole batch is run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from django.db import OperationalError

from flowdeck import clock, spans
from flowdeck.conf import conf
from flowdeck.declare import context, interception
from flowdeck.declare.event import Delivery, Draft, Event, Expectation
from flowdeck.declare.registry import Processor
from flowdeck.declare.retry import MOST_ATTEMPTS
from flowdeck.declare.states import AttemptOutcome, DeliveryState
from flowdeck.declare.timing import Cancel
from flowdeck.engine import faults as infrastructure
from flowdeck.engine import lanes, watchdog
from flowdeck.engine.containment import Containment
from flowdeck.engine.failure import Failure, describe, of_death, without_personal_data
from flowdeck.errors import HandlerContractError, Reject, Snooze, TraceTooDeep
from flowdeck.log.payloads import load
from flowdeck.processes import worker_name
from flowdeck.sql import DueDelivery, Mark

Returned = TypeVar("Returned")


class HandlerFailed(Exception):
    """A handler raised ``error`` and is to blame for it, whatever it is.

    ``untouched``: it has sent no statement, so there is nothing of it to roll back.
    """

    def __init__(self, error: BaseException, *, untouched: bool) -> None:
        super().__init__(f"a handler raised {type(error).__qualname__}")
        self.error, self.untouched = error, untouched


@dataclass(slots=True)
class Outcome:
    """What becomes of a delivery: its new state, and what is appended with it.

    ``outage``: it failed as the processor's breaker counts failures.
    """

    due: DueDelivery
    mark: Mark
    emitted: list[Draft | Cancel] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)
    failure: Failure | None = None
    outage: bool = False

    @property
    def done(self) -> bool:
        """Whether the handler succeeded."""
        return self.mark.state == DeliveryState.DONE


def attempt(
    processor: Processor, due: DueDelivery, containment: Containment | None = None
) -> Outcome:
    """Run the handler for one delivery, in a batch with the ``containment`` of all.

    Raises HandlerFailed, or what the engine raises around it; see :func:`failed`.
    """
    if processor.batch:
        return attempt_together(processor, [due])[0]
    containment = containment or Containment(processor)
    hooks = containment.hooks
    outcome = _attempt_one(processor, due, containment)
    containment.contain_hooks(due, hooks)
    return outcome


def attempt_together(processor: Processor, dues: list[DueDelivery]) -> list[Outcome]:
    """Run a batch handler for all of ``dues`` at once. Raises as :func:`attempt` does."""
    containment = Containment(processor)
    started, hooks = clock.now(), containment.hooks
    deliveries = [_delivery(processor, due, containment) for due in dues]
    first = dues[0].event
    with context.entered(context.Context(first.correlation_id, first.id, in_batch=True)):
        handle = partial(_run_together, processor, deliveries)
        if containment.traced or any(spans.KEY in due.event.metadata for due in dues):
            handle = partial(_in_a_span, deliveries, handle)
        if processor.timeout is not None:
            handle = partial(_timed, processor, handle, None)
        result = _blamed(containment, handle)
    if result is not None:
        raise HandlerContractError(
            f"Batch handler {processor.where} returned {type(result).__name__}; it must return "
            "None and emit events through delivery.emit()."
        )
    finished = clock.now()
    outcomes = [
        _done(processor, due, delivery, started, finished)
        for due, delivery in zip(dues, deliveries, strict=True)
    ]
    containment.contain_hooks(dues[0], hooks)
    return outcomes


def failed(processor: Processor, due: DueDelivery, started: datetime, error: Exception) -> Outcome:
    """The outcome of an attempt that ended with ``error``, in its handler or in the engine.

    Raises ``error`` again if it is a fault of the infrastructure.
    """
    if infrastructure.is_fault(error):
        raise error
    cause = error.error if isinstance(error, HandlerFailed) else error
    finished = clock.now()
    if isinstance(cause, Snooze):
        mark = Mark(
            position=due.position,
            state=DeliveryState.SLEEPING,
            attempts=due.attempts,
            due_in=cause.seconds,
            started_at=started,
            finished_at=finished,
        )
        return Outcome(due, mark)
    number = _next(due)
    delay = None if isinstance(cause, Reject) else processor.retry.delay_after(cause, number)
    failure = without_personal_data(describe(cause, processor.where), due)
    if delay is None and number < processor.retry.max_attempts:
        failure = replace(failure, outcome=AttemptOutcome.REJECTED)  # by its kind, at once
    mark = Mark(
        position=due.position,
        state=DeliveryState.DEAD if delay is None else DeliveryState.RETRYING,
        attempts=number,
        due_in=delay,
        started_at=started,
        finished_at=finished,
        fingerprint=failure.fingerprint if delay is None else None,
    )
    outage = processor.breaker is not None and isinstance(cause, processor.breaker.on)
    return Outcome(due, mark, failure=failure, outage=outage)


def died(processor: Processor, due: DueDelivery, last_exception: str = "") -> Outcome:
    """The outcome of an attempt that took its worker process or its connection with it: dead.

    ``last_exception`` is the traceback of what was raised meanwhile, if anything was.
    """
    now = clock.now()
    failure = without_personal_data(of_death(processor.where, last_exception), due)
    mark = Mark(
        position=due.position,
        state=DeliveryState.DEAD,
        attempts=_next(due),
        due_in=None,
        started_at=now,
        finished_at=now,
        fingerprint=failure.fingerprint,
    )
    return Outcome(due, mark, failure=failure)


def _next(due: DueDelivery) -> int:
    """The number of this attempt; people may retry a letter more often than a row can count."""
    return min(due.attempts + 1, MOST_ATTEMPTS)


def keep_failures(processor: Processor, outcomes: list[Outcome]) -> None:
    """Write why these attempts failed."""
    from flowdeck.models import Attempt

    if not outcomes:
        return
    Attempt.objects.bulk_create(
        Attempt(
            event_id=o.due.position,
            processor=processor.name,
            number=o.mark.attempts,
            worker=worker_name(),
            started_at=o.mark.started_at,
            finished_at=o.mark.finished_at,
            **asdict(o.failure),
        )
        for o in outcomes
        if o.failure
    )


def _attempt_one(processor: Processor, due: DueDelivery, containment: Containment) -> Outcome:
    started = clock.now()
    delivery = _delivery(processor, due, containment)
    around = context.Context(due.event.correlation_id, due.event.id, delivery)
    with context.entered(around):
        handle: Callable[[], None] = partial(_run, processor, delivery)
        if containment.traced or spans.KEY in due.event.metadata:
            handle = partial(_in_a_span, [delivery], handle)
        if processor.timeout is not None:
            words = partial(_write_down, processor, due, started, lanes.working_on())
            handle = partial(_timed, processor, handle, words)
        _blamed(containment, handle)
    return _done(processor, due, delivery, started, clock.now())


def _in_a_span(deliveries: list[Delivery], handle: Callable[[], Returned]) -> Returned:
    with spans.handling(deliveries):
        return handle()


def _timed(
    processor: Processor, handle: Callable[[], Returned], write_down: watchdog.Written | None
) -> Returned:
    """What ``handle`` returns within the processor's time-out."""
    with watchdog.watching(processor.where, processor.timeout, write_down):
        return handle()


def _write_down(
    processor: Processor,
    due: DueDelivery,
    started: datetime,
    claim: lanes.Claim | None,
    hanging: watchdog.Watched,
) -> None:
    from flowdeck.engine.careful import write_down

    if claim is not None:
        write_down(processor, claim, failed(processor, due, started, hanging.error), hanging)


def _run(processor: Processor, delivery: Delivery) -> None:
    # Loaded where the handler is called: upcasters and validators are the app's code, too.
    event = load(delivery.envelope)
    for emitted in _events_of(processor, _call(processor, event, delivery, [delivery])):
        delivery.emit(emitted)


def _run_together(processor: Processor, deliveries: list[Delivery]) -> Any:
    return _call(processor, [load(one.envelope) for one in deliveries], deliveries, deliveries)


def _blamed(containment: Containment, handle: Callable[[], Returned]) -> Returned:
    """What ``handle`` returns. Raises HandlerFailed for what it raised by its own fault.

    That may be anything: SystemExit, KeyboardInterrupt or a CancelledError in a handler end its
    attempt, and not the process or thread that it happens to run in.
    """
    try:
        return containment.call(handle)
    except BaseException as error:
        if infrastructure.ends_this_worker(error):
            raise
        if not infrastructure.excuses(error):
            raise HandlerFailed(error, untouched=containment.untouched) from error
        if infrastructure.is_fault(error):
            raise
        raise OperationalError("The database's connection was lost under a handler.") from error


def _call(processor: Processor, event: Any, delivery: Any, deliveries: list[Delivery]) -> Any:
    arguments = (event, delivery) if processor.wants_delivery else (event,)
    return interception.run(processor, deliveries, lambda: processor.handler(*arguments))


def _events_of(processor: Processor, result: Any) -> Iterable[Event]:
    """One by one as the handler yields them, while it still is where it yields."""
    if result is None:
        return
    for event in result if _is_several(result) else [result]:
        if not isinstance(event, Event):
            raise HandlerContractError(
                f"{processor.where} returned {type(event).__name__}; it may return or yield "
                "events, or return None."
            )
        yield event


def _is_several(result: Any) -> bool:
    return not isinstance(result, Event) and isinstance(result, Iterable)


def _delivery(processor: Processor, due: DueDelivery, containment: Containment) -> Delivery:
    savepoints = containment.savepoints if processor.atomic else None
    return Delivery(processor.name, due.attempts + 1, due.event, savepoints=savepoints)


def _carrying(traceparent: str, one: Draft | Cancel) -> Draft | Cancel:
    if isinstance(one, Draft) and not one.traceparent:
        return replace(one, traceparent=traceparent)
    return one


def _refuse_to_go_round(due: DueDelivery, emitted: list[Draft | Cancel]) -> None:
    most = conf().MAX_HOPS
    drafts = (one for one in emitted if isinstance(one, Draft))
    too_deep = next((draft for draft in drafts if draft.hops > most), None)
    if too_deep is not None:
        event = due.event
        raise TraceTooDeep(
            f"{type(too_deep.event).__name__} would be effect {too_deep.hops:,} in a row in the "
            f"trace {event.correlation_id}; the limit is {most:,}. Does {event.type} cause itself? "
            "If the trace is meant to be so long, set FLOWDECK['MAX_HOPS'] and retry this letter."
        )


def _done(
    processor: Processor,
    due: DueDelivery,
    delivery: Delivery,
    started: datetime,
    finished: datetime,
) -> Outcome:
    if processor.replayable and delivery.emitted:
        raise HandlerContractError(
            f"Projection {processor.name!r} emitted an event or set a timer; it may only write "
            "its read model. "
            "Declare it with @processor instead."
        )
    emitted = list(delivery.emitted)
    if emitted:
        _refuse_to_go_round(due, emitted)
        if delivery.traceparent:
            emitted = [_carrying(delivery.traceparent, one) for one in emitted]
    mark = Mark(
        position=due.position,
        state=DeliveryState.DONE,
        attempts=_next(due),
        due_in=None,
        started_at=started,
        finished_at=finished,
    )
    return Outcome(due, mark, emitted, list(delivery.expectations))
