"""A log of millions, for measuring: traces that were recorded, copied under new ids and names.

Copies are as real as their originals: streams, correlations, causes, attempts, dead letters. They
are spread over the last hours in order of time and written in bulk (COPY on PostgreSQL). Read
models know nothing of them, and they stand behind the originals in the log though they are older,
so this is for a database that may be thrown away.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count as count_from

from django.db import connection, transaction
from django.db.models import Max

from benchmarks.bulk_rows import Row, Writer, reserve
from benchmarks.copies import Copy, copies_of, moved, recorded
from flowdeck.declare.registry import slot_of
from flowdeck.declare.states import DeliveryState
from flowdeck.errors import FlowdeckError
from flowdeck.log.positions import newest_position
from flowdeck.models import Attempt, Delivery, Done, Due, Event, Stream
from flowdeck.sql import dialect

LARGEST_LOG = 100_000
"""A log with more events than this is somebody's own: nothing is seeded into it."""

_LATER = timedelta(days=1)  # when copied retries are due: nobody is to work on them


class NothingToCopy(FlowdeckError):
    """The log holds no trace yet. Record some first, for example with ``manage.py traffic``."""


class LogInUse(FlowdeckError):
    """The log holds so many events that it is not one for measuring."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """How much was written."""

    events: int
    deliveries: int


def seed(events: int, fan_out: int = 4, hours: float = 6.0) -> Seeded:
    """Write at least ``events`` copied events, each with ``fan_out`` deliveries or more.

    What an event has fewer are done deliveries of processors ``former-1`` and so on. All of it in
    one transaction. Raises NothingToCopy and LogInUse.
    """
    if not newest_position():
        raise NothingToCopy(NothingToCopy.__doc__)
    if Event.objects.all()[LARGEST_LOG : LARGEST_LOG + 1].exists():
        raise LogInUse(f"The log holds more than {LARGEST_LOG:,} events: seed an empty database.")
    copies = copies_of(recorded(), events, datetime.now(UTC), timedelta(hours=hours))
    with transaction.atomic():
        first = reserve(Event, len(copies))
        _write_events(copies, first)
        deliveries = _write_deliveries(copies, first, fan_out)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "PRAGMA optimize")
    return Seeded(len(copies), deliveries)


def _write_events(copies: list[Copy], first: int) -> None:
    heads = Counter[str]()
    with Writer(Event) as writer:
        for position, copy in enumerate(copies, first):
            row, stream = copy.original.row, copy.named(copy.original.row.stream)
            heads[stream] += 1
            writer.add(
                position,
                copy.id(row.id),
                stream,
                copy.original.sequence,
                row.type,
                row.version,
                copy.original.data,
                copy.metadata,
                copy.named(row.key),
                copy.id(row.correlation_id),
                copy.id(row.causation_id) if row.causation_id else None,
                row.producer,
                copy.at,
                copy.at,
            )
    with Writer(Stream) as writer:
        for name, head in heads.items():
            writer.add(name, head)


def _write_deliveries(copies: list[Copy], first: int, fan_out: int) -> int:
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


def _letters(copies: list[Copy]) -> Iterator[int]:
    """Numbers of letters that nobody else gets, as many as the copies need."""
    needed = sum(d.letter is not None for copy in copies for d in copy.original.deliveries)
    first = 1 + (Delivery.objects.aggregate(last=Max("letter"))["last"] or 0)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('flowdeck_letter', %s, false)", [first + needed])
    return count_from(first)


def _done(delivery: Delivery, position: int, copy: Copy, letter: int | None) -> Row:
    came = copy.original.row.recorded_at
    return (
        position,
        delivery.processor,
        delivery.attempts,
        delivery.retried,
        moved(delivery.started_at, came, copy.at),
        moved(delivery.finished_at, came, copy.at),
        letter,
        delivery.fingerprint,
    )


def _due(delivery: Delivery, position: int, copy: Copy, later: datetime, letter: int | None) -> Row:
    key = copy.named(copy.original.row.key)
    came = copy.original.row.recorded_at
    return (
        position,
        delivery.processor,
        key,
        slot_of(key),
        delivery.state,
        delivery.attempts,
        later if delivery.state == DeliveryState.RETRYING else None,
        moved(delivery.started_at, came, copy.at),
        moved(delivery.finished_at, came, copy.at),
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
                    moved(one.started_at, begun, at),
                    moved(one.finished_at, begun, at),
                )
                number += 1
