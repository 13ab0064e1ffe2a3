"""SQLite: looks at the clock without the write lock, and takes it only to move what is due."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.backends.utils import CursorWrapper
from django.db.models import F, QuerySet

from flowdeck.database import connection, transaction
from flowdeck.declare.registry import Subscription
from flowdeck.declare.timing import Cancel
from flowdeck.models import Clock, Timer
from flowdeck.sql import EventRow
from flowdeck.sql.rows import told_of
from flowdeck.sql.sqlite import append
from flowdeck.sql.timing import Fired, TimerRow
from flowdeck.telemetry import AppendedEvent

_TICK = timedelta(seconds=10)
_LEAP = 60.0  # seconds


def put(cursor: CursorWrapper, rows: Sequence[TimerRow], cancelled: Sequence[Cancel]) -> None:
    """See Timers."""
    now = datetime.now(UTC)
    for one in cancelled:
        _open(one.stream, one.name).update(
            ended_at=now, ended_as=Timer.End.CANCELLED, ended_by=one.by
        )
    for row in rows:
        _set(row, now)


def _set(row: TimerRow, now: datetime) -> None:
    event = row.event
    due_at = now + timedelta(seconds=row.seconds or 0.0) if row.at is None else max(row.at, now)
    fields = {
        "due_at": due_at,
        "event_id": event.id,
        "stream": event.stream,
        "type": event.type,
        "version": event.version,
        "data": json.loads(event.data),
        "metadata": json.loads(event.metadata),
        "key": event.key,
        "slot": event.slot,
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
        "producer": event.producer,
        "set_at": now,
        "stale_at": row.stale_at,
    }
    there = _open(row.scope, row.name)
    if not there.exists():
        Timer.objects.create(scope=row.scope, name=row.name, **fields)
    elif row.replace:
        there.update(**fields, replaced=F("replaced") + 1)


def fire(most: int, known: Collection[str], fan_out: Sequence[Subscription]) -> Fired:
    """See Timers."""
    clock = Clock.objects.first()
    now = datetime.now(UTC)
    if clock is None or clock.ticked_at is None or not timedelta() <= now - clock.ticked_at < _TICK:
        _tick(clock, now)
    if clock is not None and clock.held_at is not None:
        return Fired()
    # What this process does not know holds its stream back, for one that does.
    due = Timer.objects.filter(ended_at=None, due_at__lte=now).exclude(stale_at__lte=now)
    left = due.exclude(type__in=known)
    due = due.exclude(stream__in=set(left.values_list("stream", flat=True).distinct()))
    fired = _move(due.order_by("due_at", "id")[:most], fan_out) if due.exists() else Fired()
    following = Timer.objects.filter(ended_at=None, due_at__gt=now).order_by("due_at", "id")
    next_at = following.values_list("due_at", flat=True).first()
    return Fired(
        fired.events,
        fired.refused,
        len(fired.events) + fired.refused >= most,
        None if next_at is None else (next_at - datetime.now(UTC)).total_seconds(),
    )


def _move(due: QuerySet[Timer], fan_out: Sequence[Subscription]) -> Fired:
    with transaction.atomic():
        chosen = list(due)
        try:
            with transaction.atomic():
                return Fired(_appended(chosen, fan_out))
        except DatabaseError as error:
            if isinstance(error, (OperationalError, InterfaceError)):
                raise
        return _one_by_one(chosen, fan_out)


def _one_by_one(chosen: Sequence[Timer], fan_out: Sequence[Subscription]) -> Fired:
    events: tuple[AppendedEvent, ...] = ()
    refused = 0
    for one in chosen:
        try:
            with transaction.atomic():
                events += _appended([one], fan_out)
        except DatabaseError as error:
            if isinstance(error, (OperationalError, InterfaceError)):
                raise
            Timer.objects.filter(pk=one.pk).update(
                ended_at=datetime.now(UTC), ended_as=Timer.End.REFUSED, error=str(error)[:500]
            )
            refused += 1
    return Fired(events, refused)


def _appended(
    chosen: Sequence[Timer], fan_out: Sequence[Subscription]
) -> tuple[AppendedEvent, ...]:
    if not chosen:
        return ()
    Timer.objects.filter(pk__in=[one.pk for one in chosen]).delete()
    counts: defaultdict[str, int] = defaultdict(int)
    rows = []
    for one in chosen:
        counts[one.stream] += 1
        rows.append(_row(one, counts[one.stream]))
    with connection.cursor() as cursor:
        places = append(cursor, rows, fan_out)
    return told_of(rows, places)


def _row(one: Timer, ordinal: int) -> EventRow:
    told = {
        "name": one.name,
        "set_at": one.set_at.isoformat(),
        "due_at": one.due_at.isoformat(),
        "replaced": one.replaced,
    }
    return EventRow(
        id=one.event_id,
        stream=one.stream,
        ordinal=ordinal,
        type=one.type,
        version=one.version,
        data=json.dumps(one.data),
        metadata=json.dumps({**one.metadata, "timer": told}),
        key=one.key,
        slot=one.slot,
        correlation_id=one.correlation_id,
        causation_id=one.causation_id,
        producer=one.producer,
        occurred_at=one.due_at,
    )


def _tick(clock: Clock | None, now: datetime) -> None:
    if clock is None:
        Clock.objects.bulk_create([Clock(ticked_at=now)], ignore_conflicts=True)
        return
    gap = (now - clock.ticked_at).total_seconds() if clock.ticked_at else 0.0
    leapt = {"leapt_at": now, "leapt_by": gap} if abs(gap) > _LEAP else {}
    Clock.objects.update(ticked_at=now, **leapt)


def _open(scope: str, name: str) -> QuerySet[Timer]:
    return Timer.objects.filter(scope=scope, name=name, ended_at=None)
