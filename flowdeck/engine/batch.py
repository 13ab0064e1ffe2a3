"""One batch: lock lanes, read what is due, run handlers, append, mark, commit, tell.

Everything a handler does, what it emits and the new state of the delivery commit together. There
are two ways: atomic handlers run inside the transaction that holds the lanes' row locks; the others
run outside of any transaction under the lanes' lease, and only their results are committed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain, repeat

from flowdeck import clock, telemetry
from flowdeck.conf import conf
from flowdeck.database import connection, transaction
from flowdeck.declare.registry import Processor
from flowdeck.declare.states import DeliveryState
from flowdeck.engine import calls, containment, lanes, leases
from flowdeck.engine import faults as infrastructure
from flowdeck.engine.attempt import attempt, attempt_together
from flowdeck.engine.lanes import Claim
from flowdeck.engine.outcome import HandlerFailed, Outcome, failed
from flowdeck.engine.settling import Batch, finish, tell
from flowdeck.engine.taking import by_call, fetch, take
from flowdeck.errors import LeaseLost, SequenceConflict
from flowdeck.sql import DueDelivery

_PAUSES = (0.0, 0.1, 0.3)  # seconds between tries to commit results; then a second each
_AGAIN = 3  # immediate repetitions after a deadlock, serialization failure or conflict


def run(processor: Processor, claim: Claim, limit: int) -> Batch:
    """Work on up to ``limit`` due deliveries of the claimed lanes.

    Raises LeaseLost, or the database's error if the infrastructure failed (again, for deadlocks);
    then nothing of the batch is kept and no attempt is used up.
    """
    for repetition in range(_AGAIN + 1):
        try:
            with lanes.work_on(claim):
                batch = _way(processor)(processor, claim, limit)
        except Exception as error:
            if repetition == _AGAIN or not infrastructure.worth_retrying_now(error):
                raise
            telemetry.emit(telemetry.InfrastructureFault(processor.name, error))
            infrastructure.mend(error)
        else:
            break
        finally:
            containment.renew()
    tell(processor, batch)
    return batch


def _way(processor: Processor) -> Callable[[Processor, Claim, int], Batch]:
    if not processor.atomic:
        return _run_leased
    return _run_atomic_leased if processor.limited else _run_atomic


def _run_atomic_leased(processor: Processor, claim: Claim, limit: int) -> Batch:
    """One transaction under a lease, which is checked at its end: nobody waits for its locks."""
    with leases.kept(claim):
        _wait_for_start(claim)
        for _ in range(_AGAIN):
            try:
                with transaction.atomic():
                    due = fetch(processor, claim, limit)
                    outcomes = _attempts_together(processor, due)
                    batch = Batch(len(due), outcomes, finish(processor, outcomes))
                    leases.lock(processor, claim)
                    return batch
            except SequenceConflict:
                continue
            except Exception as error:
                if infrastructure.is_fault(error) or isinstance(error, LeaseLost):
                    raise
                break
        with transaction.atomic():
            batch = _one_by_one(processor, fetch(processor, claim, limit))
            leases.lock(processor, claim)
            return batch


def _wait_for_start(claim: Claim) -> None:
    """Until the moment that was handed out with the claim, if it lies ahead."""
    if (left := claim.starts_at - time.monotonic()) > 0:
        time.sleep(left)


def _run_atomic(processor: Processor, claim: Claim, limit: int) -> Batch:
    """One transaction that holds the lanes' row locks from reading to marking."""
    for _ in range(_AGAIN):
        try:
            with transaction.atomic():
                due = take(processor, claim, limit)
                outcomes = _attempts_together(processor, due)
                return Batch(len(due), outcomes, finish(processor, outcomes))
        except SequenceConflict:
            continue  # a stream grew since a handler read it: what it decided is decided again
        except Exception as error:
            if infrastructure.is_fault(error):
                raise
            break
    # Some handler, or what was to be written, is at fault: begin anew and find out whose it is.
    with transaction.atomic():
        return _one_by_one(processor, take(processor, claim, limit))


def _one_by_one(processor: Processor, due: list[DueDelivery]) -> Batch:
    batch = Batch(len(due))
    for together in _unheld(processor, due, batch.outcomes):
        started = clock.now()
        try:
            with transaction.atomic():
                outcomes = _called(processor, together)
                batch.appended += finish(processor, outcomes)
        except Exception as error:
            outcomes = _failed(processor, together, started, error)
            finish(processor, outcomes)
        batch.outcomes += outcomes
    return batch


def _run_leased(processor: Processor, claim: Claim, limit: int) -> Batch:
    """Handlers run outside of transactions; what they return is committed under the lease."""
    with leases.kept(claim):
        _wait_for_start(claim)
        due = fetch(processor, claim, limit)
        tried = Batch(len(due), _attempts_apart(processor, due))
        return keep_results(processor, tried, lambda: leases.lock(processor, claim))


def keep_results(processor: Processor, tried: Batch, hold: Callable[[], None]) -> Batch:
    """Commit what the outside world has answered.

    It is not to be asked again because of a connection that was closed while it thought, or a lock
    that took too long: as long as a lease lasts, what failed so is tried again, on a new connection
    if need be. The lease's token makes that safe, whatever became of the commit before: ``hold``
    locks what is leased until the transaction ends. Raises LeaseLost as that does.
    """
    end = time.monotonic() + conf().LEASE_SECONDS
    pauses = chain(_PAUSES, repeat(1.0))
    while True:
        try:
            return _finish_leased(processor, tried, hold)
        except Exception as error:
            if not infrastructure.is_fault(error) or time.monotonic() > end:
                raise
            telemetry.emit(telemetry.InfrastructureFault(processor.name, error))
            connection.close_if_unusable_or_obsolete()
            infrastructure.mend(error)
        time.sleep(next(pauses))


def _finish_leased(processor: Processor, tried: Batch, hold: Callable[[], None]) -> Batch:
    try:
        with transaction.atomic():
            hold()
            return Batch(tried.due, tried.outcomes, finish(processor, tried.outcomes))
    except Exception as error:
        if infrastructure.is_fault(error) or isinstance(error, LeaseLost):
            raise
    with transaction.atomic():
        hold()
        return _finish_one_by_one(processor, tried)


def _finish_one_by_one(processor: Processor, tried: Batch) -> Batch:
    batch = Batch(tried.due)
    by_position = {outcome.due.position: outcome for outcome in tried.outcomes}
    for together in _unheld(processor, [o.due for o in tried.outcomes], batch.outcomes):
        outcomes = [by_position[one.position] for one in together]
        try:
            with transaction.atomic():
                batch.appended += finish(processor, outcomes)
        except Exception as error:
            outcomes = _failed(processor, together, outcomes[0].mark.started_at, error)
            finish(processor, outcomes)
        batch.outcomes += outcomes
    return batch


def _attempts_together(processor: Processor, due: list[DueDelivery]) -> list[Outcome]:
    """Outcomes of handlers that share a transaction; fewer when the batch's time is up.

    Raises what a handler raised that has sent any statement: what it wrote is in the transaction.
    Whoever has sent none fails alone, and holds its key back as ever.
    """
    if processor.batch and processor.gather is None:
        return attempt_together(processor, due) if due else []
    outcomes: list[Outcome] = []
    end = time.monotonic() + conf().BATCH_SECONDS
    shared = containment.Containment(processor)
    for together in _unheld(processor, due, outcomes):
        if processor.batch:
            outcomes += attempt_together(processor, together)
        else:
            outcomes.append(_attempt_in_transaction(processor, together[0], shared))
        if time.monotonic() > end:
            break
    return outcomes


def _attempt_in_transaction(
    processor: Processor, one: DueDelivery, shared: containment.Containment
) -> Outcome:
    started, hooks = clock.now(), shared.hooks
    try:
        return attempt(processor, one, shared)
    except HandlerFailed as error:
        if not error.untouched:
            raise
        shared.drop_hooks(hooks)
        return failed(processor, one, started, error)


def _attempts_apart(processor: Processor, due: list[DueDelivery]) -> list[Outcome]:
    """Outcomes of handlers that share no transaction, so each stands for itself."""
    outcomes: list[Outcome] = []
    started = time.monotonic()
    if processor.batch and processor.gather is None and len(due) > 1:
        try:
            return attempt_together(processor, due)
        except Exception as error:
            if infrastructure.is_fault(error):
                raise
    for together in _unheld(processor, due, outcomes):
        begun = clock.now()
        try:
            outcomes += _called(processor, together)
        except Exception as error:
            if outcomes and infrastructure.is_fault(error):
                telemetry.emit(telemetry.InfrastructureFault(processor.name, error))
                break  # what the others were answered is kept; this one is still due
            outcomes += _failed(processor, together, begun, error)
        if time.monotonic() - started > conf().BATCH_SECONDS:
            break
    return outcomes


def _called(processor: Processor, together: list[DueDelivery]) -> list[Outcome]:
    """The outcomes of one call of the handler. Raises as :func:`attempt` does."""
    if processor.batch:
        return attempt_together(processor, together)
    call = calls.alone if processor.asynchronous else attempt
    return [call(processor, one) for one in together]


def _failed(
    processor: Processor, together: list[DueDelivery], started: datetime, error: Exception
) -> list[Outcome]:
    return [failed(processor, one, started, error) for one in together]


def _unheld(
    processor: Processor, due: list[DueDelivery], outcomes: list[Outcome]
) -> Iterator[list[DueDelivery]]:
    """Call by call, without those whose key an earlier one (already in ``outcomes``) holds back."""
    held: set[str] = set()
    for together in by_call(processor, due):
        if outcomes and not outcomes[-1].done:
            last = outcomes[-1]
            if last.mark.state != DeliveryState.DEAD or processor.parks:
                held.add(last.due.event.key)
        if together[0].event.key not in held:
            yield together
