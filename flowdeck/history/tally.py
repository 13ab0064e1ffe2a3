"""What a transaction tells of itself: one row, written with what it did, in its own round trip.

It is read once, by the fold, and says no more than that needs: figures are counted here, traces are
looked up there. Times are the database's, as the deliveries have them. What appends tell is put
together by the database (``sql``): positions are known there first.

A row is a JSON object. ``facts``: by beginning of ten seconds and type the fields of
:class:`Facts`, as a list. ``done`` and ``ended``: positions that are done at the first attempt, and
when, in microseconds, each as the difference to the one before. ``other``: the fields of
:class:`Change` of all others, as lists.
``appended``: positions and how many deliveries came of each. ``came``: positions of a delivery each
that came later, ``settled`` if they were over at once. Fields that a reader does not know it
leaves alone: the versions before and after a change work side by side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import sub
from typing import NamedTuple, Protocol

import orjson

from flowdeck.declare.states import AttemptOutcome, DeliveryState
from flowdeck.history.sketch import Counts, bucket
from flowdeck.models import Tally
from flowdeck.sql import DueDelivery, Mark

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
FINEST = 10
"""Seconds of the shortest stretch that figures are kept for."""


@dataclass(slots=True)
class Facts:
    """What a processor did with events of one type; the counts of :class:`flowdeck.models.Handled`.

    The order of the fields is that of the list in a tally: new ones come last.
    """

    done: int = 0
    failed: int = 0
    rejected: int = 0
    snoozed: int = 0
    dead: int = 0
    busy_us: int = 0
    run: Counts = field(default_factory=dict)
    wait: Counts = field(default_factory=dict)
    age: Counts = field(default_factory=dict)

    def listed(self) -> tuple[int | Counts, ...]:
        """As it stands in a tally."""
        counts = self.done, self.failed, self.rejected, self.snoozed, self.dead, self.busy_us
        return (*counts, self.run, self.wait, self.age)


_DONE = str(DeliveryState.DONE)


class Change(NamedTuple):
    """What changed for one position, to be added up. ``ended``: microseconds since 1970, if any."""

    position: int
    came: int = 0
    settled: int = 0
    dead: int = 0
    retries: int = 0
    ended: int | None = None


class Cause(Protocol):
    """Why an attempt failed."""

    @property
    def outcome(self) -> str:
        """An ``AttemptOutcome``."""


class Try(Protocol):
    """An attempt at a delivery. ``failure`` is None for one that succeeded or was put off."""

    @property
    def due(self) -> DueDelivery:
        """The delivery as it was."""

    @property
    def mark(self) -> Mark:
        """What becomes of it."""

    @property
    def failure(self) -> Cause | None:
        """Why it failed."""


def of_attempts(tries: Iterable[Try]) -> str:
    """What the attempts of one batch come to, each in the stretch of time in which it ended."""
    told = _Told()
    for one in tries:
        told.add(one)
    return told.text()


def tell(changes: Iterable[Change]) -> None:
    """Write what was done to deliveries by hand. Needs the transaction that does it."""
    if rows := [tuple(change) for change in changes]:
        Tally.objects.create(told=orjson.dumps({"other": rows}).decode())


def tell_appended(positions: Iterable[int]) -> None:
    """Write that events were appended whose deliveries are told apart, in their transaction."""
    told = {"appended": [(position, 0) for position in positions]}
    Tally.objects.create(told=orjson.dumps(told).decode())


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    passed = moment - _BEGINNING
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def moment(microseconds: int) -> datetime:
    """So many microseconds after the beginning of 1970."""
    return _BEGINNING + timedelta(microseconds=microseconds)


class _Told:
    """A tally of attempts, in the making. Written for speed: every delivery passes through."""

    def __init__(self) -> None:
        self._facts: dict[int, dict[str, Facts]] = {}
        self._done: list[int] = []
        self._ended: list[int] = []
        self._other: list[list[int | None]] = []
        self._started: datetime | None = None
        self._finished: datetime | None = None
        self._type, self._current = "", Facts()
        self._run, self._end, self._busy = 0, 0, 0  # bucket, end and length in microseconds

    def add(self, one: Try) -> None:
        mark, event = one.mark, one.due.event
        started, finished = mark.started_at, mark.finished_at
        if started is not self._started or finished is not self._finished:
            self._begin(started, finished)
        if event.type != self._type:
            self._turn_to(event.type)
        recorded, facts = event.recorded_at, self._current
        first, done = not one.due.attempts and mark.attempts, mark.state == _DONE
        if first:
            at = bucket((started - recorded).total_seconds())
            facts.wait[at] = facts.wait.get(at, 0) + 1
        if done:
            facts.done += 1
            facts.run[self._run] = facts.run.get(self._run, 0) + 1
            at = bucket((finished - recorded).total_seconds())
            facts.age[at] = facts.age.get(at, 0) + 1
        if first and done:
            self._done.append(event.position)
            self._ended.append(self._end)
        else:
            self._add_other(one, facts)

    def _begin(self, started: datetime, finished: datetime) -> None:
        """Another call of the handler: a batch handler's call counts once."""
        self._started, self._finished, self._type = started, finished, ""
        ran = (finished - started).total_seconds()
        self._run, self._busy = bucket(ran), int(ran * 1e6)
        self._end = microseconds(finished)

    def _turn_to(self, type_: str) -> None:
        slot = self._end // 10_000_000 * FINEST
        self._current = self._facts.setdefault(slot, {}).setdefault(type_, Facts())
        self._current.busy_us += self._busy
        self._type, self._busy = type_, 0

    def _add_other(self, one: Try, facts: Facts) -> None:
        mark, before = one.mark, one.due.attempts
        settled, dead = mark.state == DeliveryState.DONE, mark.state == DeliveryState.DEAD
        if one.failure is not None:
            rejected = one.failure.outcome == AttemptOutcome.REJECTED
            facts.rejected += rejected
            facts.failed += not rejected
        elif not settled:
            facts.snoozed += 1
        facts.dead += dead
        retries = max(mark.attempts - 1, 0) - max(before - 1, 0)
        change = Change(one.due.event.position, 0, int(settled), int(dead), retries, self._end)
        self._other.append(list(change))

    def text(self) -> str:
        return orjson.dumps(
            {
                "facts": {
                    slot: {name: facts.listed() for name, facts in by_type.items()}
                    for slot, by_type in self._facts.items()
                },
                "done": steps(self._done),
                "ended": steps(self._ended),
                "other": self._other,
            },
            option=orjson.OPT_NON_STR_KEYS,
        ).decode()


def steps(numbers: list[int]) -> list[int]:
    """The first number, and how much each is more than the one before: short where they rise."""
    return [*numbers[:1], *map(sub, numbers[1:], numbers)]
