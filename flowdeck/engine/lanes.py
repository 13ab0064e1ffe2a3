"""Lanes: who may work on which keys of a processor.

A lane's row lock (or, for handlers that run outside of transactions, its lease) gives order per
key, mutual exclusion and crash recovery at once. No claim is written per delivery.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID, uuid4

from django.db.models.functions import Now

from flowdeck.conf import conf
from flowdeck.database import connection, transaction
from flowdeck.declare.registry import SLOTS, Processor
from flowdeck.processes import worker_name
from flowdeck.sql import LaneRow, Left, Taken, dialect
from flowdeck.sql.starting import Asked, starts

KEPT_SECONDS = 0.25
"""How long claimed lanes are worked on, and left alone by other workers, before they are left."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Lanes that this worker may try to work on; with a ``token`` they are leased to it.

    ``floors``: from where on lanes have work, as far as was seen since
    (:mod:`flowdeck.letters.floors`). ``starts_at``: not before then by ``time.monotonic()`` what is
    due on it may be handed to the handler; with a ``position`` that one only.
    """

    lanes: list[LaneRow]
    token: UUID | None
    floors: dict[int, int] = field(default_factory=dict)
    starts_at: float = 0.0
    position: int | None = None

    @property
    def ids(self) -> list[int]:
        """Ids of the lanes."""
        return [lane.id for lane in self.lanes]

    def slots(self) -> Iterator[int]:
        """The slots of its lanes."""
        for lane in self.lanes:
            yield from range(lane.first_slot, lane.last_slot + 1)

    def only(self, lane: LaneRow) -> Claim:
        """The same claim on one of its lanes."""
        return replace(self, lanes=[lane])

    def saw(self, taken: Taken) -> None:
        """Note from where on lanes have work once what was taken of them is done."""
        settled = {lane.id: lane.settled for lane in self.lanes}
        for lane, floor in taken.floors.items():
            self.floors[lane] = min(floor, settled[lane] + 1)

    def left(self) -> list[Left]:
        """What is written when the lanes are left."""
        return [Left(one.id, self.floors.get(one.id, 0), one.lowered) for one in self.lanes]

    def suspicious(self) -> LaneRow | None:
        """A lane whose last claims ended with the death of the worker, if there is one."""
        for lane in self.lanes:
            if lane.claims > conf().CRASHES or lane.suspect is not None:
                return lane
        return None


class _Working(threading.local):
    """The claim that this thread works on."""

    claim: Claim | None = None


_working = _Working()


@contextmanager
def work_on(claim: Claim) -> Iterator[None]:
    """Let :func:`working_on` tell ``claim`` for the length of the block."""
    _working.claim = claim
    try:
        yield
    finally:
        _working.claim = None


def working_on() -> Claim | None:
    """The claim that this thread works on, if it does."""
    return _working.claim


def create_missing(processors: Iterable[Processor]) -> None:
    """Create the lanes of processors that have none. Safe to call at the same time twice.

    What they subscribe to is written down first. One that has none is new: what it has missed is
    delivered to it before. Otherwise it costs as many queries for all as for one.
    """
    from flowdeck.engine import backfill, subscriptions
    from flowdeck.models import Lane, ProcessorState

    asked = {one.name: one for one in processors if one.name not in _created}
    if not asked:
        return
    there = _with_lanes(asked)
    subscriptions.note(asked.values(), working=there)
    new = backfill.complete([asked[name] for name in sorted(asked.keys() - there)])
    with transaction.atomic():
        # These rows are only the lock here: two creators must not mix two divisions.
        states = [ProcessorState(name=one.name) for one in new]
        ProcessorState.objects.bulk_create(states, ignore_conflicts=True)
        names = [one.name for one in new]
        list(ProcessorState.objects.select_for_update().filter(name__in=names).order_by("name"))
        there |= _with_lanes(names)
        Lane.objects.bulk_create(
            Lane(processor=one.name, first_slot=first, last_slot=last)
            for one in new
            if one.name not in there
            for first, last in ranges(one.lanes)
        )
        transaction.on_commit(lambda: _created.update(there, names))


def _with_lanes(names: Iterable[str]) -> set[str]:
    from flowdeck.models import Lane

    found = Lane.objects.filter(processor__in=list(names)).values_list("processor", flat=True)
    return set(found.distinct())


_created: set[str] = set()
_assigned: set[str] = set()


def forget_created() -> None:
    """Look into the table again before the next claim (the database was emptied)."""
    _created.clear()
    _assigned.clear()


def assign_again() -> None:
    """Look before the next claims for what is due and in no group: given again, or by old code."""
    _assigned.clear()


def ranges(lanes: int) -> Iterator[tuple[int, int]]:
    """The slots 0..1023 cut into ``lanes`` ranges, first and last slot of each."""
    for number in range(lanes):
        yield number * SLOTS // lanes, (number + 1) * SLOTS // lanes - 1


def claim(
    processor: Processor,
    limit: int,
    leave_out: Iterable[int] = (),
    leaving: Claim | None = None,
) -> Claim | None:
    """Claim up to ``limit`` free lanes with due work, or None. Counts the claim on the lanes.

    The lanes of another claim are left by it, in the same call.
    """
    if processor.name not in _created:
        create_missing([processor])
    if processor.limited:
        return _claim_start(processor, leave_out)
    token = None if processor.atomic else uuid4()
    with connection.cursor() as cursor:
        lanes = dialect().claim_lanes(
            cursor=cursor,
            processor=processor.name,
            limit=limit,
            leave_out={*leave_out, *_kept_here},
            worker=worker_name(),
            kept_seconds=KEPT_SECONDS,
            token=token,
            lease_seconds=conf().LEASE_SECONDS,
            left=leaving.left() if leaving else [],
        )
    return Claim(lanes, token) if lanes else None


def _claim_start(processor: Processor, leave_out: Iterable[int]) -> Claim | None:
    limits, token = processor.limits, uuid4()
    if processor.limited_by and processor.name not in _assigned:
        starts().assign_groups(processor.name, processor.limited_by)
        _assigned.add(processor.name)
    start = starts().claim_start(
        Asked(
            processor=processor.name,
            worker=worker_name(),
            token=token,
            lease_seconds=conf().LEASE_SECONDS,
            parks=processor.parks,
            concurrent=limits.concurrent if limits else None,
            every=limits.every if limits else None,
            burst=limits.burst if limits else 1,
            grouped=bool(processor.limited_by),
        ),
        leave_out,
    )
    if start is None:
        return None
    at = time.monotonic() + start.seconds
    return Claim([start.lane], token, starts_at=at, position=start.position)


def leave(claim: Claim) -> None:
    """Say that a claim ended well. One that is not left was cut short: it stays counted."""
    with connection.cursor() as cursor:
        dialect().leave_lanes(cursor, worker_name(), claim.left())


@contextmanager
def keeping(claim: Claim) -> Iterator[None]:
    """Let no other thread of this process claim the lanes for the length of the block."""
    _kept_here.update(claim.ids)
    try:
        yield
    finally:
        _kept_here.difference_update(claim.ids)


_kept_here: set[int] = set()  # by the drains of this process's threads


def claimed_within(names: Iterable[str], seconds: float) -> set[str]:
    """Which of the processors had a lane claimed in the last ``seconds``."""
    from flowdeck.models import Lane

    since = Now() - timedelta(seconds=seconds)
    recent = Lane.objects.filter(processor__in=list(names), claimed_at__gt=since)
    return set(recent.values_list("processor", flat=True))
