"""A log of millions, for measuring: traces that were recorded, copied under new ids and names.

Copies are as real as their originals: streams, correlations, causes, attempts, dead letters. They
are spread over the last hours in order of time and written in bulk (COPY on PostgreSQL). Read
models know nothing of them, and they stand behind the originals in the log though they are older,
so this is for a database that may be thrown away.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count as count_from
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from benchmarks.bulk_rows import Row, Writer, reserve
from flowdeck.declare.registry import slot_of
from flowdeck.declare.states import DeliveryState
from flowdeck.errors import FlowdeckError
from flowdeck.log.positions import newest_position
from flowdeck.models import Attempt, Delivery, Done, Due, Event, Stream
from flowdeck.sql import dialect

LARGEST_LOG = 100_000
"""A log with more events than this is somebody's own: nothing is seeded into it."""

_TRACES = 300  # recorded traces that are copied
_TROUBLED = 20  # a trace with unfinished or dead deliveries is copied in one of so many rounds
_LONGEST = timedelta(minutes=5)  # a trace that took longer is shortened to it
_LATER = timedelta(days=1)  # when copied retries are due: nobody is to work on them
_LOW = (1 << 80) - 1


class NothingToCopy(FlowdeckError):
    """The log holds no trace yet. Record some first, for example with ``manage.py traffic``."""


class LogInUse(FlowdeckError):
    """The log holds so many events that it is not one for measuring."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """How much was written."""

    events: int
    deliveries: int


@dataclass(slots=True)
class _Original:
    """A recorded event with its deliveries, and how long after the trace's beginning it came."""

    row: Event
    sequence: int
    offset: timedelta
    deliveries: list[Delivery]
    data: str
    metadata: str


@dataclass(frozen=True, slots=True)
class _Copy:
    """One event to write: ``number`` is that of the copied trace, ``began`` when it begins."""

    at: datetime
    number: int
    began: datetime
    original: _Original

    def __lt__(self, other: _Copy) -> bool:
        return (self.at, self.number) < (other.at, other.number)


def seed(events: int, fan_out: int = 4, hours: float = 6.0) -> Seeded:
    """Write at least ``events`` copied events, each with ``fan_out`` deliveries or more.

    What an event has fewer are done deliveries of processors ``former-1`` and so on. All of it in
    one transaction. Raises NothingToCopy and LogInUse.
    """
    if not newest_position():
        raise NothingToCopy(NothingToCopy.__doc__)
    if Event.objects.all()[LARGEST_LOG : LARGEST_LOG + 1].exists():
        raise LogInUse(f"The log holds more than {LARGEST_LOG:,} events: seed an empty database.")
    copies = _copies(_recorded(), events, datetime.now(UTC), timedelta(hours=hours))
    with transaction.atomic():
        first = reserve(Event, len(copies))
        _write_events(copies, first)
        deliveries = _write_deliveries(copies, first, fan_out)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "PRAGMA optimize")
    return Seeded(len(copies), deliveries)


def _recorded() -> list[list[_Original]]:
    """The newest traces, each in order."""
    names = Event.objects.filter(causation_id=None).order_by("-position")
    wanted = set(names.values_list("correlation_id", flat=True)[:_TRACES])
    rows = list(Event.objects.filter(correlation_id__in=wanted).order_by("position"))
    deliveries: dict[int, list[Delivery]] = defaultdict(list)
    for delivery in Delivery.objects.filter(event_id__in=[row.position for row in rows]):
        deliveries[delivery.event_id].append(delivery)
    traces: dict[UUID, list[_Original]] = defaultdict(list)
    lengths = Counter[tuple[UUID, str]]()
    for row in rows:
        lengths[row.correlation_id, row.stream] += 1
        trace = traces[row.correlation_id]
        passed = row.recorded_at - trace[0].row.recorded_at if trace else timedelta()
        sequence = lengths[row.correlation_id, row.stream]
        data, metadata = json.dumps(row.data), json.dumps(row.metadata)
        own = deliveries[row.position]
        trace.append(
            _Original(
                row=row,
                sequence=sequence,
                offset=min(passed, _LONGEST),
                deliveries=own,
                data=data,
                metadata=metadata,
            )
        )
    return list(traces.values())


def _copies(
    traces: list[list[_Original]], wanted: int, now: datetime, span: timedelta
) -> list[_Copy]:
    """What to write, in order of time."""
    chosen = _rounds(traces, wanted)
    step = span / len(chosen)
    found = []
    for number, trace in enumerate(chosen):
        began = now - span + step * number
        found += [_Copy(min(now, began + one.offset), number, began, one) for one in trace]
    found.sort()
    return found


def _rounds(traces: list[list[_Original]], wanted: int) -> list[list[_Original]]:
    troubled = {id(trace) for trace in traces if _in_trouble(trace)}
    chosen: list[list[_Original]] = []
    length = number = 0
    while length < wanted:
        for trace in traces:
            if length < wanted and (id(trace) not in troubled or number % _TROUBLED == 0):
                chosen.append(trace)
                length += len(trace)
        number += 1
    return chosen


def _in_trouble(trace: list[_Original]) -> bool:
    return any(d.state != DeliveryState.DONE for one in trace for d in one.deliveries)


def _write_events(copies: list[_Copy], first: int) -> None:
    heads = Counter[str]()
    with Writer(Event) as writer:
        for position, copy in enumerate(copies, first):
            row, stream = copy.original.row, _renamed(copy.original.row.stream, copy)
            heads[stream] += 1
            writer.add(
                position,
                _id(row.id, copy),
                stream,
                copy.original.sequence,
                row.type,
                row.version,
                copy.original.data,
                _metadata(copy),
                _renamed(row.key, copy),
                _id(row.correlation_id, copy),
                _id(row.causation_id, copy) if row.causation_id else None,
                row.producer,
                copy.at,
                copy.at,
            )
    with Writer(Stream) as writer:
        for name, head in heads.items():
            writer.add(name, head)


def _write_deliveries(copies: list[_Copy], first: int, fan_out: int) -> int:
    failed: list[tuple[int, Delivery, datetime]] = []
    count, later = 0, datetime.now(UTC) + _LATER
    letters = _letters(copies)
    with connection.cursor() as cursor:
        dialect().make_partitions(cursor, [first, first + len(copies)])
    with Writer(Due) as due, Writer(Done) as done:
        for position, copy in enumerate(copies, first):
            for delivery in copy.original.deliveries:
                if delivery.attempts > 1 or delivery.state != DeliveryState.DONE:
                    failed.append((position, delivery, copy.at))
                letter = None if delivery.letter is None else next(letters)
                if delivery.state == DeliveryState.DONE:
                    done.add(*_done(delivery, position, copy, letter))
                else:
                    due.add(*_due(delivery, position, copy, later, letter))
            for spare in range(len(copy.original.deliveries), fan_out):
                done.add(position, f"former-{spare + 1}", 1, 0, copy.at, copy.at, None, "")
            count += max(fan_out, len(copy.original.deliveries))
    _write_attempts(failed)
    return count


def _letters(copies: list[_Copy]) -> Iterator[int]:
    """Numbers of letters that nobody else gets, as many as the copies need."""
    needed = sum(d.letter is not None for copy in copies for d in copy.original.deliveries)
    first = 1 + (Delivery.objects.aggregate(last=Max("letter"))["last"] or 0)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('flowdeck_letter', %s, false)", [first + needed])
    return count_from(first)


def _done(delivery: Delivery, position: int, copy: _Copy, letter: int | None) -> Row:
    came = copy.original.row.recorded_at
    return (
        position,
        delivery.processor,
        delivery.attempts,
        delivery.retried,
        _moved(delivery.started_at, came, copy.at),
        _moved(delivery.finished_at, came, copy.at),
        letter,
        delivery.fingerprint,
    )


def _due(
    delivery: Delivery, position: int, copy: _Copy, later: datetime, letter: int | None
) -> Row:
    key = _renamed(copy.original.row.key, copy)
    came = copy.original.row.recorded_at
    return (
        position,
        delivery.processor,
        key,
        slot_of(key),
        delivery.state,
        delivery.attempts,
        later if delivery.state == DeliveryState.RETRYING else None,
        _moved(delivery.started_at, came, copy.at),
        _moved(delivery.finished_at, came, copy.at),
        delivery.fingerprint,
        delivery.retried,
        letter,
        None,  # no group of limits
    )


def _write_attempts(failed: list[tuple[int, Delivery, datetime]]) -> None:
    known: dict[tuple[int, str], list[Attempt]] = defaultdict(list)
    wanted = {delivery.event_id for _, delivery, _ in failed}
    for attempt in Attempt.objects.filter(event_id__in=wanted).order_by("number"):
        known[attempt.delivery_pk].append(attempt)
    number = reserve(Attempt, sum(len(known[delivery.pk]) for _, delivery, _ in failed))
    with Writer(Attempt) as writer:
        for of, delivery, at in failed:
            for one in known[delivery.pk]:
                begun = known[delivery.pk][0].started_at
                writer.add(
                    number,
                    of,
                    one.processor,
                    one.number,
                    one.outcome,
                    one.error,
                    one.message,
                    one.traceback,
                    one.frame,
                    one.fingerprint,
                    one.worker,
                    _moved(one.started_at, begun, at),
                    _moved(one.finished_at, begun, at),
                )
                number += 1


def _id(original: UUID, copy: _Copy) -> UUID:
    """The same for every mention of it in one copy, and in order of time as a UUID 7 is."""
    milliseconds = int(copy.began.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | (original.int & _LOW) ^ copy.number)


def _renamed(name: str, copy: _Copy) -> str:
    return f"{name[:180]}.{copy.number}"


def _metadata(copy: _Copy) -> str:
    text = copy.original.metadata
    for cause in copy.original.row.metadata.get("also_caused_by", ()):
        text = text.replace(cause, str(_id(UUID(cause), copy)))
    return text


def _moved(moment: datetime | None, since: datetime, to: datetime) -> datetime | None:
    return to + min(max(moment - since, timedelta()), _LONGEST) if moment is not None else None
