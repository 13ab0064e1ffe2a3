"""One event whole: envelope, payload, what caused it, what it set off, its deliveries."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery

from flowdeck.dashboard.event.answers import AnswerLine, answers_of
from flowdeck.dashboard.event.chain import ChainLink, chain_of
from flowdeck.dashboard.event.tokens import Token, tokens
from flowdeck.dashboard.shared.retried import retry_told
from flowdeck.dashboard.shared.waits import Tried, with_waits
from flowdeck.dashboard.shell.records import Record, record_of
from flowdeck.declare.states import DeliveryState
from flowdeck.models import Attempt, AuditEntry, Delivery, Event
from flowdeck.observe.causes import tries_of
from flowdeck.observe.states import Derived, derive
from flowdeck.people.access import Decision, can
from flowdeck.people.audit import entries_about
from flowdeck.privacy.masking import has_hidden, masked
from flowdeck.privacy.reveal import ACTION as REVEAL
from flowdeck.privacy.sealing import gone

_TRIES = 200  # failed attempts shown of all deliveries together


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """One delivery: how long it waited and worked, and its tries if one of them failed."""

    row: Delivery
    now: Derived
    event: Event
    tries: list[Tried]

    @property
    def told(self) -> str:
        """What became of it since somebody retried it."""
        return retry_told(self.row, self.now.state)

    @property
    def waited(self) -> float | None:
        """Seconds from the event to the last attempt; None before the first."""
        return _seconds(self.event.recorded_at, self.row.started_at)

    @property
    def ran(self) -> float | None:
        """Seconds of the last attempt; None before it ended."""
        if self.row.state == DeliveryState.PENDING:
            return None
        return _seconds(self.row.started_at, self.row.finished_at)


@dataclass(frozen=True, slots=True)
class Done:
    """What somebody did: the entry in the audit, and for which processors."""

    entry: AuditEntry
    processors: str


@dataclass(frozen=True, slots=True)
class EventDetail:
    """All that the drawer shows. ``revealed`` if its payload has no masks, ``hidden`` if it has;
    ``people`` is what the audit says of it, empty for who may not see that; ``corrected`` is the
    position of the correction that is read in its place."""

    event: Event
    chain: list[ChainLink]
    deliveries: list[DeliveryLine]
    answers: Sequence[AnswerLine]
    record: Record
    data: str
    tokens: list[Token]
    may_see_log: bool
    may_see_audit: bool
    hidden: bool
    revealed: bool
    may_reveal: Decision
    may_retry: Decision
    people: list[Done]
    newer: int | None = None
    older: int | None = None
    corrected: int | None = None

    @property
    def envelope(self) -> str:
        """The envelope as JSON, to copy; without the payload."""
        event = self.event
        fields = {
            "position": event.position,
            "id": event.id,
            "type": event.type,
            "version": event.version,
            "stream": event.stream,
            "sequence": event.sequence,
            "key": event.key,
            "correlation_id": event.correlation_id,
            "causation_id": event.causation_id,
            "producer": event.producer,
            "occurred_at": event.occurred_at.isoformat(),
            "recorded_at": event.recorded_at.isoformat(),
        }
        return json.dumps(fields, indent=2, default=str)


def detail_of(event: Event, user: Any, revealed: Any = None) -> EventDetail:
    """Read what belongs to ``event``, in a constant number of queries.

    The payload is masked, or is ``revealed`` if that is given.
    """
    deliveries = deliveries_of(event)
    rows = [line.row for line in deliveries]
    may_see_audit = bool(can(user, "view_audit"))
    erased = gone([event.data])
    shown = masked(event.type, event.data, erased) if revealed is None else revealed
    data = json.dumps(shown, indent=2, ensure_ascii=False)
    return EventDetail(
        event,
        chain_of(event, rows),
        deliveries,
        answers_of(event, [row.processor for row in rows]),
        record_of(event.stream),
        data,
        list(tokens(data)),
        bool(can(user, "view_log")),
        may_see_audit,
        revealed is None and has_hidden(event.type, event.data, erased),
        revealed is not None,
        can(user, REVEAL),
        can(user, "retry_dead_letters"),
        people_of(event, rows) if may_see_audit else [],
        *_beside(event),
    )


def deliveries_of(event: Event) -> list[DeliveryLine]:
    """Its deliveries by processor, each with its tries."""
    rows = list(Delivery.objects.filter(event_id=event.position).order_by("processor"))
    for row in rows:
        row.event = event
    derived = derive(rows)
    failures = defaultdict(list)
    newest = Attempt.objects.filter(event_id=event.position).defer("traceback").order_by("-id")
    for failure in reversed(newest[:_TRIES]):
        failures[failure.delivery_pk].append(failure)
    return [
        DeliveryLine(
            row,
            derived[row.pk],
            event,
            with_waits(row, tries_of(row, failures[row.pk], derived[row.pk]))
            if failures[row.pk]
            else [],
        )
        for row in rows
    ]


def people_of(event: Event, deliveries: Sequence[Delivery]) -> list[Done]:
    """What people did with the event and its deliveries, the newest first; two queries."""
    letters = [row.letter for row in deliveries if row.letter is not None]
    names = [f"event {event.position}", *(f"dead letter {number}" for number in letters)]
    return [
        Done(told.entry, ", ".join(processor for _, processor in told.deliveries))
        for told in entries_about([row.pk for row in deliveries], names)
    ]


def _beside(event: Event) -> tuple[int | None, int | None, int | None]:
    """Positions of the next newer and older event of the log, and of its newest correction."""
    others = Event.objects.values("position")
    newer = others.filter(position__gt=OuterRef("position")).order_by("position")[:1]
    older = others.filter(position__lt=OuterRef("position")).order_by("-position")[:1]
    row = Event.objects.filter(position=event.position)
    beside = row.values_list(Subquery(newer), Subquery(older), "correction__written")
    return beside.first() or (None, None, None)


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    return max(0.0, (end - start).total_seconds())
