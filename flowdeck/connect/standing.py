"""How the connectors are doing: how far behind, since when, what is held back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Count, Min, Q

from flowdeck import clock
from flowdeck.connect import brokers, connectors
from flowdeck.connect.mapping import Inlet
from flowdeck.connect.outlets import Outlet, outlets
from flowdeck.connect.refused import waiting_of
from flowdeck.declare.registry import registry
from flowdeck.declare.states import DeliveryState
from flowdeck.models import Connector, Due, Event

_COUNTED = 10_000
_RATE_SECONDS = 60.0
MOST_KEYS = 100
"""Held keys told of one outlet."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One connector. ``behind`` are events of the log (``bounded``: at least so many), the oldest
    of which was recorded ``seconds`` ago; of an inlet, messages there, and no time is known.
    ``place`` is the topic, queue or stream; who ``posts`` sends to a webhook. ``keys`` are held
    back by its ``letters``.
    """

    name: str
    is_inlet: bool
    broker: str
    address: str
    place: str
    posts: bool
    mode: str
    position: int
    behind: int
    bounded: bool
    seconds: float | None
    per_second: float
    moved: int
    keys: int
    letters: int
    runs: bool
    error: str
    last_error: str
    failed_at: datetime | None
    paused_at: datetime | None
    paused_by: str
    pause_reason: str


def standings() -> list[Standing]:
    """Of all declared connectors, by name. Two queries, and one for each outlet."""
    return _standings(connectors.names())


def standing_of(name: str) -> Standing:
    """Of one. Three queries. Raises UnknownConnector."""
    connectors.named(name)
    [found] = _standings([name])
    return found


def _standings(names: list[str]) -> list[Standing]:
    kept = {row.pk: row for row in Connector.objects.filter(pk__in=names)}
    dead = Due.objects.filter(state__among=[DeliveryState.DEAD], processor__in=names)
    counts = (
        dead.order_by()
        .values("processor")
        .annotate(letters=Count("*"), keys=Count("key", distinct=True))
    )
    held = {row["processor"]: (row["keys"], row["letters"]) for row in counts}
    return [
        _standing(
            connectors.named(name), kept.get(name) or Connector(name=name), *held.get(name, (0, 0))
        )
        for name in names
    ]


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key of an outlet that waits: for its ``letters``, before ``waiting`` events more.

    ``first`` is the position of the first of them.
    """

    key: str
    first: int
    letters: int
    waiting: int


def held_keys(name: str) -> list[HeldKey]:
    """The keys that an outlet holds back, the first ones; an inlet holds none. One query.

    Raises UnknownConnector.
    """
    if isinstance(connectors.named(name), Inlet):
        return []
    dead = Q(state=DeliveryState.DEAD)
    rows = (
        waiting_of(name)
        .order_by()
        .values("key")
        .annotate(first=Min("event_id"), dead=Count("event_id", filter=dead), all=Count("event_id"))
        .filter(dead__gt=0)
        .order_by("first")
    )
    return [
        HeldKey(row["key"], row["first"], row["dead"], row["all"] - row["dead"])
        for row in rows[:MOST_KEYS]
    ]


def followed() -> set[tuple[str, str]]:
    """Which event types each outlet reads from the log."""
    following = [one for one in outlets.values() if one.mode == "log"]
    return {(t, one.name) for one in following for t in one.types or registry.event_types}


def _standing(one: Outlet | Inlet, row: Connector, keys: int, letters: int) -> Standing:
    now = clock.now()
    behind, seconds = behind_of(one, row, now)
    fresh = row.moved_at is not None and (now - row.moved_at).total_seconds() < _RATE_SECONDS
    return Standing(
        name=one.name,
        is_inlet=isinstance(one, Inlet),
        broker=one.broker,
        address=_shown(one.broker),
        posts=isinstance(one, Outlet) and brokers.is_webhook(one.broker),
        place=one.source if isinstance(one, Inlet) else one.to,
        mode="" if isinstance(one, Inlet) else one.mode,
        position=row.position,
        behind=behind,
        bounded=behind >= _COUNTED,
        seconds=seconds,
        per_second=row.per_second if fresh else 0.0,
        moved=row.moved,
        keys=keys,
        letters=letters,
        runs=row.lease_expires_at is not None and row.lease_expires_at > now,
        error=row.error,
        last_error=row.last_error,
        failed_at=row.failed_at,
        paused_at=row.paused_at,
        paused_by=row.paused_by,
        pause_reason=row.pause_reason,
    )


def behind_of(one: Outlet | Inlet, row: Connector, now: datetime) -> tuple[int, float | None]:
    """How much is before it, bounded, and for how many seconds; that is None if not known."""
    if isinstance(one, Inlet):
        return row.waiting, None
    left, oldest = _left(one, row.position)
    return left, max(0.0, (now - oldest).total_seconds()) if oldest else 0.0


def _left(outlet: Outlet, position: int) -> tuple[int, datetime | None]:
    """How many of the next events it hears, bounded, and when the oldest was recorded."""
    if outlet.mode != "log":
        return 0, None
    chosen = Event.objects.filter(position__gt=position).order_by("position")
    if outlet.types:
        chosen = chosen.filter(type__in=outlet.types)
    if outlet.streams:
        chosen = chosen.filter(stream__startswith=outlet.streams)
    found = chosen[:_COUNTED].aggregate(left=Count("*"), oldest=Min("recorded_at"))
    return found["left"], found["oldest"]


def _shown(broker: str) -> str:
    try:
        return brokers.address(broker).shown
    except ImproperlyConfigured:
        return ""
