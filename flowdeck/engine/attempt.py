"""One attempt at one delivery: call the handler, and see whose fault it is if it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import partial
from inspect import isawaitable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import DatabaseError, OperationalError, connections

from flowdeck import clock, spans
from flowdeck.declare import context, interception
from flowdeck.declare.event import Delivery, Event
from flowdeck.declare.registry import Processor
from flowdeck.engine import faults as infrastructure
from flowdeck.engine import lanes, watchdog
from flowdeck.engine.containment import Containment
from flowdeck.engine.outcome import HandlerFailed, Outcome, done, failed
from flowdeck.errors import HandlerContractError, HandlerTimedOut, NotHeardHere
from flowdeck.log.payloads import load
from flowdeck.sql import DueDelivery

Returned = TypeVar("Returned")


def attempt(
    processor: Processor, due: DueDelivery, containment: Containment | None = None
) -> Outcome:
    """Run the handler for one delivery, in a batch with the ``containment`` of all.

    Raises HandlerFailed, or what the engine raises around it;
    :func:`flowdeck.engine.outcome.failed` makes an outcome of either.
    """
    if processor.batch:
        return attempt_together(processor, [due])[0]
    if due.unheard:
        return _not_heard(processor, due, clock.now())
    containment = containment or Containment(processor)
    hooks = containment.hooks
    outcome = _attempt_one(processor, due, containment)
    containment.contain_hooks(due, hooks)
    return outcome


async def attempt_async(
    processor: Processor, due: DueDelivery, started: datetime, late: Callable[[], bool]
) -> Outcome:
    """The same of an ``async def`` handler, in an event loop: nothing here may ask the database.

    ``started`` is when by the database's clock. Whoever cancels it because of its time-out lets
    ``late()`` say so.
    """
    if due.unheard:
        return _not_heard(processor, due, started)
    delivery, began = _delivery(processor, due), time.monotonic()
    traced = spans.on() or spans.KEY in due.event.metadata
    with context.entered(context.Context(due.event.correlation_id, due.event.id, delivery)):
        try:
            with spans.handling([delivery]) if traced else nullcontext():
                await _run_async(processor, delivery)
        except BaseException as error:
            if isinstance(error, DatabaseError):
                await sync_to_async(_close_what_was_lost)()
            if late() or (isinstance(error, HandlerTimedOut) and not error.args):
                told = watchdog.timed_out(processor.where, processor.timeout)
                raise HandlerFailed(told, untouched=True) from error
            blamed = _blamed(error, untouched=True)
            if blamed is error:
                raise
            raise blamed from error
    finished = started + timedelta(seconds=time.monotonic() - began)
    return done(processor, due, delivery, started, finished)


def attempt_together(processor: Processor, dues: list[DueDelivery]) -> list[Outcome]:
    """Run a batch handler for all of ``dues`` at once. Raises as :func:`attempt` does."""
    unheard = [_not_heard(processor, due, clock.now()) for due in dues if due.unheard]
    if unheard:
        heard = [due for due in dues if not due.unheard]
        return unheard + (attempt_together(processor, heard) if heard else [])
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
        result = _called(containment, handle)
    if result is not None:
        raise HandlerContractError(
            f"Batch handler {processor.where} returned {type(result).__name__}; it must return "
            "None and emit events through delivery.emit()."
        )
    finished = clock.now()
    outcomes = [
        done(processor, due, delivery, started, finished)
        for due, delivery in zip(dues, deliveries, strict=True)
    ]
    containment.contain_hooks(dues[0], hooks)
    return outcomes


def _not_heard(processor: Processor, due: DueDelivery, now: datetime) -> Outcome:
    """What becomes of it without a call. Raises HandlerFailed if it waits for other code."""
    if due.unheard == "gone":
        return done(processor, due, _delivery(processor, due), now, now)
    told = NotHeardHere(f"{processor.where} does not hear {due.event.type}, other workers' does.")
    raise HandlerFailed(told, untouched=True)


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
        _called(containment, handle)
    return done(processor, due, delivery, started, clock.now())


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


def _hooked(call: Callable[[], Returned]) -> Returned:
    try:
        return call()
    finally:
        connections.close_all()


def _close_what_was_lost() -> None:
    """In the thread that statements of async handlers are sent from."""
    for one in connections.all(initialized_only=True):
        one.close_if_unusable_or_obsolete()


async def _run_async(processor: Processor, delivery: Delivery) -> None:
    call = partial(_call, processor, load(delivery.envelope), delivery, [delivery])
    # Who hooks in may ask the database, which nobody may in a loop.
    result = await asyncio.to_thread(_hooked, call) if interception.installed()[0] else call()
    if hasattr(result, "__aiter__"):
        async for each in result:
            for emitted in _events_of(processor, each):
                delivery.emit(emitted)
        return
    for emitted in _events_of(processor, await result if isawaitable(result) else result):
        delivery.emit(emitted)


def _called(containment: Containment, handle: Callable[[], Returned]) -> Returned:
    """What ``handle`` returns. Raises HandlerFailed for what it raised by its own fault.

    That may be anything: SystemExit, KeyboardInterrupt or a CancelledError in a handler end its
    attempt, and not the process or thread that it happens to run in.
    """
    try:
        return containment.call(handle)
    except BaseException as error:
        blamed = _blamed(error, untouched=containment.untouched)
        if blamed is error:
            raise  # with its cause, which says what the database had
        raise blamed from error


def _blamed(error: BaseException, *, untouched: bool) -> BaseException:
    """What is raised for the ``error`` of a handler: by its own fault, or by the database's."""
    if infrastructure.ends_this_worker(error):
        return error
    if not infrastructure.excuses(error):
        return HandlerFailed(error, untouched=untouched)
    if infrastructure.is_fault(error):
        return error
    return OperationalError("The database's connection was lost under a handler.")


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


def _delivery(
    processor: Processor, due: DueDelivery, containment: Containment | None = None
) -> Delivery:
    own = containment.savepoints if containment is not None and processor.atomic else None
    return Delivery(
        processor.name,
        due.attempts + 1,
        due.event,
        answers=due.answers,
        savepoints=own,
    )
