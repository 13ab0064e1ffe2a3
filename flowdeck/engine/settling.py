"""What came of a batch: appended, marked, and told to whoever listens."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowdeck import telemetry
from flowdeck.database import connection
from flowdeck.declare.registry import Processor
from flowdeck.engine import answers, breaker
from flowdeck.engine.outcome import Outcome, keep_failures
from flowdeck.history import tally
from flowdeck.log.append import append
from flowdeck.log.publishing import after_commit
from flowdeck.sql import dialect
from flowdeck.telemetry import AppendedEvent, SettledDelivery


@dataclass(slots=True)
class Batch:
    """What one batch did."""

    due: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    appended: tuple[AppendedEvent, ...] = ()


def finish(processor: Processor, outcomes: list[Outcome]) -> tuple[AppendedEvent, ...]:
    """Mark the deliveries, then append and set what was emitted.

    Appending is last: from then to the commit others wait for the heads of its streams, and who
    reads the log by position for its commit.
    """
    if not outcomes:
        return ()
    if processor.breaker is not None:
        breaker.note(processor, processor.breaker, outcomes)
    emitted = [one for outcome in outcomes for one in outcome.emitted]
    with connection.cursor() as cursor:
        told = tally.of_attempts(outcomes)
        dialect().mark(cursor, processor.name, [outcome.mark for outcome in outcomes], told)
    keep_failures(processor, [outcome for outcome in outcomes if outcome.failure])
    if not processor.atomic:
        answers.keep(processor, outcomes)
    return append(emitted) if emitted else ()


def tell(processor: Processor, batch: Batch) -> None:
    """Ring the bells of whoever listens to what was appended, and tell the listeners."""
    if batch.appended:
        after_commit(batch.appended)
    if not batch.outcomes:
        return
    settled = tuple(
        SettledDelivery(o.due.event.position, o.mark.state, o.due.event.correlation_id)
        for o in batch.outcomes
    )
    telemetry.emit(telemetry.Settled(processor.name, settled))
    for outcome in batch.outcomes:
        if outcome.failure is not None:
            telemetry.emit(
                telemetry.AttemptFailed(
                    processor=processor.name,
                    position=outcome.due.event.position,
                    correlation_id=outcome.due.event.correlation_id,
                    error=outcome.failure.error,
                    state=outcome.mark.state,
                )
            )
