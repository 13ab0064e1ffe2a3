"""Publishing: events and their deliveries commit together with the caller's own changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as changed
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError
from uuid_utils.compat import uuid7

from flowdeck import spans, telemetry
from flowdeck.bells import bell
from flowdeck.conf import conf
from flowdeck.database import connection, transaction
from flowdeck.declare import context
from flowdeck.declare.event import NOT_EXPECTED, Draft, Event, Expectation
from flowdeck.declare.registry import registry
from flowdeck.declare.timing import when
from flowdeck.errors import HandlerContractError, IdConflict, InvalidStream, PublishError
from flowdeck.log.append import append
from flowdeck.log.idempotency import ids_of, positions_of
from flowdeck.log.storable import checked_stream
from flowdeck.sql import dialect
from flowdeck.telemetry import AppendedEvent


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was appended. ``positions`` is empty inside a handler, whose batch appends later.

    ``timers`` are the names of what is to be appended at another time, by which it is cancelled.
    ``duplicate``: it was published under the same id before, and this is what came of it then.
    """

    correlation_id: UUID
    positions: tuple[int, ...]
    timers: tuple[str, ...] = ()
    duplicate: bool = False

    @property
    def timer(self) -> str:
        """The one that was set. Raises ValueError if there was none, or several."""
        (only,) = self.timers
        return only


def publish(
    *events: Event | Draft,
    stream: str | None = None,
    expected_sequence: int | None = None,
    expects: Mapping[str, int] | None = None,
    correlation_id: UUID | None = None,
    causation_id: UUID | None = None,
    producer: str | None = None,
    in_: float | None = None,
    at: datetime | None = None,
    timer: str | None = None,
    replace: bool = True,
    id: str | UUID | None = None,
) -> Receipt:
    """Append events to ``stream`` (or each Draft to its own), all or none.

    Joins the open transaction or opens one; bells ring after the commit. Correlation and causation
    come from the context: a request's, or the handled delivery's. ``expected_sequence`` is the
    number of events the stream must have before (optimistic concurrency). What was decided on
    several streams is kept with ``expects={stream: sequence}``: none of them must have grown, also
    those that nothing is appended to.

    With ``in_`` (seconds, by the database's clock) or ``at`` (a time with its zone; one that is
    over means now) they are appended then, exactly once and in order of their times within a
    stream; nothing of them is in the log before. ``timer`` names the one event among those of its
    stream that are to come: another one of that name takes its place, or with ``replace=False`` is
    not set as long as there is one. :func:`cancel` takes it back.

    With an ``id`` they are appended once, whoever publishes them again under it: the ids of the
    events follow from it and the producer (a UUID of one event is its own). Then the receipt is the
    first one, as a ``duplicate``; other events under the same id raise IdConflict.

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
    drafts = _later(drafts, in_, at, timer, replace)
    if id is not None:
        drafts = _once(drafts, id, producer)
    drafts = _expecting(drafts, expected_sequence, expects)
    if around is not None and around.delivery is not None:
        _collect(around, drafts)
        return Receipt(shared, (), _names(drafts))
    with spans.publishing([_told(draft.event) for draft in drafts]) as carried:
        if carried:
            drafts = [changed(one, traceparent=one.traceparent or carried) for one in drafts]
        appended = _append(drafts)
    if id is not None and not appended:
        return _first_receipt(drafts)
    return Receipt(shared, tuple(event.position for event in appended), _names(drafts))


def _told(event: Event) -> str:
    """Its type for a span; what no app declares is refused within that."""
    declared = getattr(event, "__event_type__", None)
    return declared.name if declared else type(event).__name__


def _append(drafts: list[Draft]) -> tuple[AppendedEvent, ...]:
    several = any(draft.when or draft.once or draft.expects for draft in drafts)
    if not several and dialect().APPENDS_BY_ONE_STATEMENT and connection.get_autocommit():
        appended = append(drafts)  # a transaction by itself, without asking for one
        after_commit(appended)
    else:
        with transaction.atomic(), _said_once(drafts):
            appended = append(drafts)
            transaction.on_commit(lambda: after_commit(appended))
    return appended


@contextmanager
def _said_once(drafts: list[Draft]) -> Iterator[None]:
    """Two who publish under one id to different streams wait for each other in the index only."""
    try:
        yield
    except IntegrityError as error:
        if not drafts[0].once:
            raise
        raise IdConflict(
            "Somebody publishes under the same id to another stream at this moment. Use a new id "
            "for what is new."
        ) from error


def _collect(around: context.Context, drafts: list[Draft]) -> None:
    """Leave them to the batch of the handler that publishes them."""
    assert around.delivery is not None
    whose, envelope = around.delivery.processor, around.delivery.envelope
    same = around.correlation_id
    collected = [
        changed(
            draft,
            producer=draft.producer or whose,
            hops=envelope.hops_of_effect(draft.when) if draft.correlation_id == same else 0,
            via=draft.via or (envelope.via if draft.correlation_id == same else ""),
        )
        for draft in drafts
    ]
    around.delivery.emitted.extend(collected)


def _later(
    drafts: list[Draft],
    in_: float | None,
    at: datetime | None,
    timer: str | None,
    replace: bool,
) -> list[Draft]:
    """The drafts with what the arguments say of when they are to come."""
    if timer is not None and len(drafts) > 1:
        raise PublishError(f"timer={timer!r} names one event; {len(drafts)} were given.")
    if when(in_, at, timer, replace) is None:
        return drafts
    return [changed(one, when=one.when or when(in_, at, timer, replace)) for one in drafts]


def _names(drafts: list[Draft]) -> tuple[str, ...]:
    return tuple(draft.when.name for draft in drafts if draft.when is not None)


def _once(drafts: list[Draft], given: str | UUID, producer: str | None) -> list[Draft]:
    """The drafts with the ids that follow from the one that was given."""
    if any(draft.when for draft in drafts):
        raise PublishError(
            f"id={str(given)!r} is for what is appended at once; name what comes later by timer=, "
            "and keep the one that is open by replace=False."
        )
    ids = ids_of(given, producer or conf().PRODUCER, len(drafts))
    return [changed(draft, once=ids, number=n) for n, draft in enumerate(drafts)]


def _first_receipt(drafts: list[Draft]) -> Receipt:
    """What was published under the same id before."""
    found = positions_of(drafts[0].once)
    return Receipt(found[0][1], tuple(position for position, _ in found), duplicate=True)


def cancel(timer: str, *, stream: str | None = None) -> bool | None:
    """Let the open ``timer`` of ``stream`` not come; whether there was one.

    Joins the open transaction. Inside a handler it takes part in its commit, ``stream`` defaults to
    that of the cause, and it returns None. Raises InvalidStream or InvalidEnvelope.
    """
    from flowdeck.log.timers import take_back

    around = context.current()
    if around is not None and around.in_batch:
        raise HandlerContractError(
            "cancel() can't tell the cause in a batch handler: use delivery.cancel()."
        )
    if around is not None and around.delivery is not None:
        around.delivery.cancel(timer, stream=stream)
        return None
    if stream is None:
        raise InvalidStream(f"cancel({timer!r}) needs the stream of the timer: give stream=.")
    return take_back(stream, timer)


def after_commit(appended: tuple[AppendedEvent, ...]) -> None:
    """What follows the commit of an append: bells for whoever listens, and telemetry."""
    if not appended:
        return
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
    return changed(
        event,
        stream=event.stream or stream,
        correlation_id=event.correlation_id or correlation_id,
        causation_id=event.causation_id if own_trace else event.causation_id or causation_id,
        producer=event.producer or producer,
    )


def _expecting(
    drafts: list[Draft], expected_sequence: int | None, expects: Mapping[str, int] | None
) -> list[Draft]:
    """The drafts, the first of each stream with what is expected of it, and of others the first."""
    expected = dict(expects or {})
    streams = [draft.stream for draft in drafts]
    if expected_sequence is not None:
        if len(set(streams)) != 1 or (only := streams[0]) is None:
            raise PublishError(
                f"expected_sequence={expected_sequence} needs exactly one stream in the call, "
                f"not {len(set(streams)) + 1}. Say expects={{stream: sequence}} of several."
            )
        expected[only] = expected_sequence
    if not expected:
        return drafts
    if any(draft.when for draft in drafts):
        raise PublishError(NOT_EXPECTED)
    for stream, sequence in expected.items():
        place = streams.index(stream) if stream in streams else 0
        own = (*drafts[place].expects, Expectation(checked_stream(stream), sequence))
        drafts[place] = changed(drafts[place], expects=own)
    return drafts
