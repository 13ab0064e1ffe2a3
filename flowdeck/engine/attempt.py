"""One attempt at one delivery: call the handler, and turn what happens into an outcome.

The outcomes are a closed set: done (with events to append), retrying, dead, snoozed. Faults of the
infrastructure are none of them; they are raised, and the whole batch is run again.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from flowdeck.declare import context, interception
from flowdeck.declare.event import Delivery, Draft, Event, Expectation
from flowdeck.declare.registry import Processor
from flowdeck.engine.faults import is_fault
from flowdeck.errors import HandlerContractError, Reject, Snooze
from flowdeck.log.payloads import load
from flowdeck.privacy.masking import scrubbed
from flowdeck.sql import DueDelivery, Mark

_ENGINE = __name__.rpartition(".")[0]
_LONGEST_MESSAGE = 4_000
_LONGEST_TRACEBACK = 64_000


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, as kept for the operator."""

    outcome: str
    error: str
    message: str
    traceback: str
    frame: str
    fingerprint: str


@dataclass(slots=True)
class Outcome:
    """What becomes of a delivery: its new state, and what is appended with it."""

    due: DueDelivery
    mark: Mark
    emitted: list[Draft] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)
    failure: Failure | None = None

    @property
    def done(self) -> bool:
        """Whether the handler succeeded."""
        return self.mark.state == "done"


def attempt(processor: Processor, due: DueDelivery) -> Outcome:
    """Run the handler for one delivery. Raises what it raises; see :func:`failed`."""
    return (
        attempt_together(processor, [due])[0] if processor.batch else _attempt_one(processor, due)
    )


def attempt_together(processor: Processor, dues: list[DueDelivery]) -> list[Outcome]:
    """Run a batch handler for all of ``dues`` at once. Raises what it raises."""
    started = datetime.now(UTC)
    deliveries = [_delivery(processor, due) for due in dues]
    events = [load(due.event) for due in dues]
    first = dues[0].event
    with context.entered(context.Context(first.correlation_id, first.id, in_batch=True)):
        result = _call(processor, events, deliveries, deliveries)
    if result is not None:
        raise HandlerContractError(
            f"Batch handler {processor.where} returned {type(result).__name__}; it must return "
            "None and emit events through delivery.emit()."
        )
    finished = datetime.now(UTC)
    return [
        _done(processor, due, delivery, started, finished)
        for due, delivery in zip(dues, deliveries, strict=True)
    ]


def failed(processor: Processor, due: DueDelivery, started: datetime, error: Exception) -> Outcome:
    """The outcome of an attempt whose handler raised ``error``.

    Raises ``error`` again if it is a fault of the infrastructure.
    """
    if is_fault(error):
        raise error
    finished = datetime.now(UTC)
    if isinstance(error, Snooze):
        mark = Mark(due.id, "retrying", due.attempts, max(0.0, error.seconds), started, finished)
        return Outcome(due, mark)
    number = due.attempts + 1
    delay = None if isinstance(error, Reject) else processor.retry.delay(number)
    failure = _without_personal_data(describe(error), due)
    if delay is None:
        mark = Mark(due.id, "dead", number, None, started, finished, failure.fingerprint)
    else:
        mark = Mark(due.id, "retrying", number, delay, started, finished)
    return Outcome(due, mark, failure=failure)


def died(processor: Processor, due: DueDelivery) -> Outcome:
    """The outcome of an attempt that took its worker process down with it: dead."""
    now = datetime.now(UTC)
    failure = Failure(
        "died",
        "WorkerDied",
        "The worker process died while it was at this delivery alone. Look for what kills it: "
        "memory, a crash in native code, os._exit().",
        "",
        processor.where,
        _fingerprint("WorkerDied", processor.where),
    )
    mark = Mark(due.id, "dead", due.attempts + 1, None, now, now, failure.fingerprint)
    return Outcome(due, mark, failure=failure)


def describe(error: Exception) -> Failure:
    """``error`` as kept for the operator. Its fingerprint is its type and where it came from."""
    name = type(error).__qualname__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_application(frame.filename)]
    frame = next(reversed(own or frames), None)
    where = f"{_short(frame.filename)}:{frame.lineno} in {frame.name}" if frame else "unknown"
    place = f"{_short(frame.filename)}:{frame.name}" if frame else "unknown"
    text = "".join(traceback.format_exception(error))[-_LONGEST_TRACEBACK:]
    return Failure(
        "rejected" if isinstance(error, Reject) else "failed",
        name[:200],
        _storable(str(error))[:_LONGEST_MESSAGE],
        _storable(text),
        where[:300],
        _fingerprint(name, place),
    )


def _without_personal_data(failure: Failure, due: DueDelivery) -> Failure:
    # What is kept of a failure outlives the person's wish to be forgotten, and goes into logs.
    event = due.event
    return replace(
        failure,
        message=scrubbed(event.type, event.payload, failure.message),
        traceback=scrubbed(event.type, event.payload, failure.traceback),
    )


def _attempt_one(processor: Processor, due: DueDelivery) -> Outcome:
    started = datetime.now(UTC)
    delivery = _delivery(processor, due)
    event = load(due.event)
    around = context.Context(due.event.correlation_id, due.event.id, delivery)
    with context.entered(around):
        for emitted in _events_of(processor, _call(processor, event, delivery, [delivery])):
            delivery.emit(emitted)
    return _done(processor, due, delivery, started, datetime.now(UTC))


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


def _delivery(processor: Processor, due: DueDelivery) -> Delivery:
    return Delivery(
        due.id, processor.name, due.attempts + 1, due.event, in_transaction=processor.atomic
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
            f"Projection {processor.name!r} emitted an event; it may only write its read model. "
            "Declare it with @processor instead."
        )
    mark = Mark(due.id, "done", due.attempts + 1, None, started, finished)
    return Outcome(due, mark, list(delivery.emitted), list(delivery.expectations))


def _is_application(filename: str) -> bool:
    return not (
        "site-packages" in filename
        or filename.startswith((sys.prefix, sys.base_prefix, "<"))
        or f"/{_ENGINE}/" in filename
    )


def _short(filename: str) -> str:
    return "/".join(filename.rsplit("/", 2)[-2:])


def _fingerprint(error: str, place: str) -> str:
    return hashlib.sha256(f"{error}@{place}".encode()).hexdigest()[:16]


def _storable(text: str) -> str:
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
