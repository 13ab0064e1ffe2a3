"""What becomes of a delivery after an attempt: a closed set of outcomes.

Done (with events to append), retrying, dead, sleeping. Faults of the infrastructure are none of
them; they are raised, and the whole batch is run again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from flowdeck import clock
from flowdeck.conf import conf
from flowdeck.declare.event import Delivery, Draft
from flowdeck.declare.registry import Processor
from flowdeck.declare.retry import MOST_ATTEMPTS
from flowdeck.declare.states import AttemptOutcome, DeliveryState
from flowdeck.declare.timing import Cancel
from flowdeck.engine import faults as infrastructure
from flowdeck.engine import unknown
from flowdeck.engine.failure import Failure, describe, of_death, without_personal_data
from flowdeck.errors import HandlerContractError, Reject, Snooze, TraceTooDeep
from flowdeck.processes import worker_name
from flowdeck.sql import DueDelivery, Mark


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
    failure: Failure | None = None
    outage: bool = False

    @property
    def done(self) -> bool:
        """Whether the handler succeeded."""
        return self.mark.state == DeliveryState.DONE


def failed(processor: Processor, due: DueDelivery, started: datetime, error: Exception) -> Outcome:
    """The outcome of an attempt that ended with ``error``, in its handler or in the engine.

    Raises ``error`` again if it is a fault of the infrastructure.
    """
    if infrastructure.is_fault(error):
        raise error
    cause = error.error if isinstance(error, HandlerFailed) else error
    finished = clock.now()
    put_off = unknown.AGAIN if unknown.waits(due, cause) else None
    if isinstance(cause, Snooze):
        put_off = cause.seconds
    if put_off is not None:
        mark = Mark(
            position=due.position,
            state=DeliveryState.SLEEPING,
            attempts=due.attempts,
            due_in=put_off,
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


def done(
    processor: Processor,
    due: DueDelivery,
    delivery: Delivery,
    started: datetime,
    finished: datetime,
) -> Outcome:
    """The outcome of an attempt whose handler returned, with what it emitted.

    Raises HandlerContractError or TraceTooDeep: then it failed after all.
    """
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
    return Outcome(due, mark, emitted)
