"""Publishing: events and their deliveries commit together with the caller's own changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from django.db import connection, transaction
from uuid_utils.compat import uuid7

from flowdeck import telemetry
from flowdeck.bells import bell
from flowdeck.declare import context
from flowdeck.declare.event import Draft, Event, Expectation
from flowdeck.declare.registry import registry
from flowdeck.errors import HandlerContractError, PublishError
from flowdeck.log.append import append
from flowdeck.sql import dialect
from flowdeck.telemetry import AppendedEvent


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was appended. ``positions`` is empty inside a handler, whose batch appends later."""

    correlation_id: UUID
    positions: tuple[int, ...]


def publish(
    *events: Event | Draft,
    stream: str | None = None,
    expected_sequence: int | None = None,
    correlation_id: UUID | None = None,
    causation_id: UUID | None = None,
    producer: str | None = None,
) -> Receipt:
    """Append events to ``stream`` (or each Draft to its own), all or none.

    Joins the open transaction or opens one; bells ring after the commit. Correlation and causation
    come from the context: a request's, or the handled delivery's. ``expected_sequence`` is the
    number of events the stream must have before (optimistic concurrency).

    Raises SequenceConflict, or another PublishError for input that can't be stored. Inside a
    handler the events are appended with the handler's other effects, but for those of an atomic
    block that was rolled back.
    """
    if not events:
        raise PublishError("Nothing to publish: give at least one event.")
    around = context.current()
    if around is not None and around.in_batch:
        raise HandlerContractError(
            "publish() can't tell the cause of an event in a batch handler: use delivery.emit()."
        )
    if around is not None and around.delivery is not None and stream is None:
        stream = around.delivery.envelope.stream
    shared = correlation_id or (around.correlation_id if around else uuid7())
    cause = causation_id or (around.causation_id if around else None)
    drafts = [_completed(event, stream, shared, cause, producer) for event in events]
    expectations = _expectations(drafts, stream, expected_sequence)
    if around is not None and around.delivery is not None:
        whose, hops = around.delivery.processor, around.delivery.envelope.hops + 1
        collected = [
            replace(
                draft,
                producer=draft.producer or whose,
                hops=hops if draft.correlation_id == around.correlation_id else 0,
            )
            for draft in drafts
        ]
        around.delivery.emitted.extend(collected)
        around.delivery.expectations.extend(expectations)
        return Receipt(shared, ())
    if not expectations and dialect().APPENDS_BY_ONE_STATEMENT and connection.get_autocommit():
        appended = append(drafts)  # a transaction by itself, without asking for one
        after_commit(appended)
    else:
        with transaction.atomic():
            appended = append(drafts, expectations)
            transaction.on_commit(lambda: after_commit(appended))
    return Receipt(shared, tuple(event.position for event in appended))


def after_commit(appended: tuple[AppendedEvent, ...]) -> None:
    """What follows the commit of an append: bells for whoever listens, and telemetry."""
    bell.ring(
        processor.name
        for event in appended
        for processor in registry.listeners(event.type, event.stream)
    )
    telemetry.emit(telemetry.Appended(appended))


def _completed(
    event: Event | Draft,
    stream: str | None,
    correlation_id: UUID,
    causation_id: UUID | None,
    producer: str | None,
) -> Draft:
    if not isinstance(event, Draft):
        return Draft(event, stream, correlation_id, causation_id, producer=producer)
    own_trace = event.correlation_id is not None
    return replace(
        event,
        stream=event.stream or stream,
        correlation_id=event.correlation_id or correlation_id,
        causation_id=event.causation_id if own_trace else event.causation_id or causation_id,
        producer=event.producer or producer,
    )


def _expectations(
    drafts: list[Draft], stream: str | None, expected_sequence: int | None
) -> list[Expectation]:
    if expected_sequence is None:
        return []
    streams = {draft.stream for draft in drafts}
    if len(streams) != 1 or (only := streams.pop()) is None:
        raise PublishError(
            f"expected_sequence={expected_sequence} needs exactly one stream in the call, "
            f"not {len(streams) + 1}."
        )
    return [Expectation(only, expected_sequence)]
