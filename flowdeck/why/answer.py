"""What an answer is: facts in order, the first cause first, and what would end it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from flowdeck import clock


class Kind(StrEnum):
    """What a fact is about, in the order in which causes come first: what needs a person, what
    ends by itself, what is only likely. The last three follow from others."""

    DEAD = "dead"
    UNKNOWN_VERSION = "unknown version"
    DISCARDED = "discarded"
    UNDECLARED = "undeclared"
    NOT_SUBSCRIBED = "not subscribed"
    PAUSED = "paused"
    CRASHES = "crashes"
    WRONG_QUEUE = "wrong queue"
    NO_WORKER = "no worker"
    NOT_TAKEN = "not taken"
    VANISHED = "vanished"
    TIMERS_HELD = "timers held"
    TIMER_CANCELLED = "timer cancelled"
    TIMER_REFUSED = "timer refused"
    TIMER_OVERDUE = "timer overdue"
    OUTLET_PAUSED = "outlet paused"
    OUTLET_FAULT = "outlet fault"
    OUTLET_HELD = "outlet held"
    NOT_RUN = "not run"
    IN_STEP = "in step"
    ENDED = "ended"
    BREAKER = "breaker"
    LIMIT = "limit"
    RETRYING = "retrying"
    SLEEPING = "sleeping"
    TIMER_OPEN = "timer open"
    RUNNING = "running"
    BACKLOG = "backlog"
    DUE = "due"
    BEHIND = "behind"
    OUTSIDE = "outside"
    OTHERWISE = "otherwise"
    PARKED = "parked"
    WAITS_FOR = "waits for"
    MISSING = "missing"


BY_ITSELF = frozenset(
    {
        Kind.BREAKER,
        Kind.LIMIT,
        Kind.RETRYING,
        Kind.SLEEPING,
        Kind.TIMER_OPEN,
        Kind.RUNNING,
        Kind.BACKLOG,
        Kind.DUE,
        Kind.BEHIND,
        Kind.VANISHED,
    }
)
"""Causes that end without anybody's doing."""
UNDER_WAY = frozenset({Kind.RUNNING, Kind.DUE})
"""What is no cause: it is being done."""


class Link(NamedTuple):
    """What a fact can be looked up at: a ``kind`` of page, and the name of what it shows."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence, and where to look; ``at`` is since when it is so, ``until`` when it ends by
    itself, ``more`` what there is to say beside it."""

    kind: Kind
    said: str
    link: Link
    at: datetime | None = None
    until: datetime | None = None
    more: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """What would end it: what to do (or to wait for), and what comes of that."""

    do: str
    then: str
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """Facts that follow from each other, the first cause first, and what would end it."""

    facts: tuple[Fact, ...]
    ways: tuple[Way, ...] = ()

    @property
    def root(self) -> Fact:
        """The first cause."""
        return self.facts[0]

    def then(self, *facts: Fact) -> Chain:
        """With what follows from it."""
        return Chain((*self.facts, *facts), self.ways)


@dataclass(frozen=True, slots=True)
class Found:
    """The chain that comes first, if there is any, first causes beside it, what was ruled out."""

    chain: Chain | None
    others: tuple[Fact, ...] = ()
    ruled_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked of: its kind, its name, and how people call it."""

    kind: str
    name: str
    title: str

    @property
    def link(self) -> Link:
        """Its own page."""
        return Link(self.kind, self.name)


@dataclass(frozen=True, slots=True)
class Answer:
    """The chain of the subject, the first cause first; without facts all is well.

    ``conclusion`` says it in one sentence. ``others`` are first causes beside it, ``ruled_out``
    what was looked at and is not the reason.
    """

    subject: Subject
    conclusion: str
    facts: tuple[Fact, ...] = ()
    ways: tuple[Way, ...] = ()
    others: tuple[Fact, ...] = ()
    ruled_out: tuple[str, ...] = ()
    as_of: datetime = field(default_factory=clock.now)

    @property
    def well(self) -> bool:
        """Whether nothing is missing, or what is missing is being done."""
        return not self.facts or self.facts[0].kind in UNDER_WAY

    @property
    def needs_a_person(self) -> bool:
        """Whether it does not end by itself."""
        return bool(self.facts) and self.facts[0].kind not in BY_ITSELF


def severity(chain: Chain) -> int:
    """Which of several chains comes first: what needs a person most, in the order of the kinds."""
    return list(Kind).index(chain.root.kind)


def worst_of(chains: Iterable[Chain], ruled_out: Iterable[str] = ()) -> Found:
    """The chain that comes first, and the first causes of three others at most."""
    ordered = sorted(chains, key=severity)
    roots = tuple(dict.fromkeys(one.root for one in ordered))
    return Found(ordered[0] if ordered else None, roots[1:4], tuple(ruled_out))
