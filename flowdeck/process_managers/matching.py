"""What a pattern looks for, and finding it among the events of one key. Pure.

Time is when events occurred. An event is kept as long as a window that it may belong to is open:
``within`` and ``lateness`` after it. The clock of that is when the events of the key were recorded,
so it goes on with them, and a replay finds the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from flowdeck.declare.event import Event, StoredEvent
from flowdeck.errors import RegistrationError
from flowdeck.process_managers.state import State

TOO_LATE, TOO_MANY = "too late", "more than are kept"
PASSED_OVER = (TOO_LATE, TOO_MANY)
"""Notes of events that a pattern has taken in for what they are: a replay does the same."""
MOST_KEPT, MOST_TIMES = 200, 100
"""Events of one key that are kept, and that one match may take."""


class Seen:
    """An event type as a part of a pattern: so many ``times``, with these values in these fields.

    ``Seen(ParcelLost, times=3, by="sea")``. Raises RegistrationError for what it has not.
    """

    def __init__(self, type_: type[Event], *, times: int = 1, **values: Any) -> None:
        self.type, self.times, self.values = type_, times, values
        name, fields = type_.__event_type__.name, type_.model_fields
        if not 1 <= times <= MOST_TIMES:
            raise RegistrationError(
                f"Seen({name}, times={times!r}) must be from 1 to {MOST_TIMES} times."
            )
        for one in values:
            if one not in fields:
                raise RegistrationError(f"Seen({name}, {one}=...) is not one of its fields.")
            if one in type_.__event_type__.personal:
                raise RegistrationError(
                    f"Seen({name}, {one}=...) is personal: a pattern must not tell who has what."
                )

    def fits(self, event: Event) -> bool:
        """Whether this is one."""
        return isinstance(event, self.type) and all(
            getattr(event, name) == value for name, value in self.values.items()
        )


class Step(StrEnum):
    """Where a key stands: nothing is kept of it, something is, or an absence is waited for."""

    IDLE = "idle"
    WATCHING = "watching"
    OPEN = "window open"


class Kept(BaseModel):
    """What is kept of an event; ``fits`` are the parts of the pattern that it may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: UUID
    position: int
    type: str
    at: datetime
    stream: str
    fields: dict[str, Any] = {}
    fits: tuple[int, ...] = ()
    absent: bool = False


class Window(BaseModel):
    """All parts were seen; it stands until then whether something is missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    seen: tuple[Kept, ...]
    until: datetime

    def broken_by(self, one: Kept) -> bool:
        """Whether what was to be absent came in time."""
        return one.absent and self.seen[-1].at <= one.at <= self.until


class Watch(State, version=1):
    """What a pattern knows of one key. ``too_late`` events came when their windows had closed.

    ``clock`` is the latest that an event was recorded; ``closing`` is when the timer comes.
    """

    step: Step = Step.IDLE
    seen: list[Kept] = []
    windows: list[Window] = []
    too_late: int = 0
    clock: datetime | None = None
    closing: datetime | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """What the function of a pattern is called with: the key, and the events in order of time.

    Of each there is ``at`` (when it occurred), ``id``, ``position``, ``type``, ``stream`` and those
    ``fields`` that the pattern keeps.
    """

    key: str
    seen: tuple[Kept, ...]

    def values(self, name: str) -> list[Any]:
        """What the events have in a field that is kept, of those that have it."""
        return [one.fields[name] for one in self.seen if name in one.fields]


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern as declared; times are in seconds."""

    key: str
    within: float
    lateness: float
    of: tuple[Seen, ...]
    without: tuple[Seen, ...] = ()
    keep: tuple[str, ...] = ()
    slots: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Number the parts, one that comes three times three times."""
        slots = (n for n, part in enumerate(self.of) for _ in range(part.times))
        object.__setattr__(self, "slots", tuple(slots))

    @property
    def open_for(self) -> timedelta:
        """How long an event may still be missed by a window it belongs to."""
        return timedelta(seconds=self.within + self.lateness)

    def key_of(self, event: Event) -> str | None:
        """The key of an event that is a part of the pattern; None for any other."""
        if not any(part.fits(event) for part in (*self.of, *self.without)):
            return None
        value = getattr(event, self.key, None)
        return None if value in (None, "") else str(value)

    def kept(self, envelope: StoredEvent, event: Event) -> Kept:
        """What of it is needed for a match."""
        data: Mapping[str, Any] = event.model_dump(mode="json")
        return Kept(
            id=envelope.id,
            position=envelope.position,
            type=envelope.type,
            at=min(envelope.occurred_at, envelope.recorded_at),
            stream=envelope.stream,
            fields={name: data[name] for name in self.keep if name in data},
            fits=tuple(n for n, part in enumerate(self.of) if part.fits(event)),
            absent=any(part.fits(event) for part in self.without),
        )


def take_in(
    rule: Rule, watch: Watch, new: Kept, now: datetime
) -> tuple[list[tuple[Kept, ...]], str]:
    """Let an event change what is known of its key; what it completes, and what to note of it.

    With ``without`` nothing is complete before its window has closed (:func:`close`).
    """
    now = _go_on(rule, watch, now)
    if new.at + rule.open_for < now:
        watch.too_late += 1
        return [], TOO_LATE
    if new.absent:
        watch.windows = [one for one in watch.windows if not one.broken_by(new)]
    watch.seen = sorted([*watch.seen, new], key=lambda one: (one.at, one.position))
    found = list(_matches(rule, watch))
    note = TOO_MANY if len(watch.seen) > MOST_KEPT else ""
    watch.seen = watch.seen[-MOST_KEPT:]
    if not rule.without:
        return found, note
    watch.windows = [*watch.windows, *_opened(rule, watch.seen, found)]
    if len(watch.windows) > MOST_KEPT:
        watch.windows, note = watch.windows[-MOST_KEPT:], TOO_MANY
    return [], note


def close(rule: Rule, watch: Watch, now: datetime) -> list[tuple[Kept, ...]]:
    """The windows that are over by ``now`` without what was to come, the first first."""
    over = [one for one in watch.windows if closes_at(rule, one) <= now]
    watch.windows = [one for one in watch.windows if closes_at(rule, one) > now]
    return [one.seen for one in sorted(over, key=lambda one: one.until)]


def closes_at(rule: Rule, window: Window) -> datetime:
    """When it is known that nothing comes any more that occurred in it."""
    return window.until + timedelta(seconds=rule.lateness)


def settle(watch: Watch) -> None:
    """Say in which step that leaves it."""
    watch.step = Step.OPEN if watch.windows else Step.WATCHING if watch.seen else Step.IDLE


def _go_on(rule: Rule, watch: Watch, now: datetime) -> datetime:
    """The clock of the key, which never goes back; what no window can need is forgotten."""
    watch.clock = max(watch.clock or now, now)
    watch.seen = [one for one in watch.seen if one.at + rule.open_for >= watch.clock]
    return watch.clock


def _matches(rule: Rule, watch: Watch) -> Iterator[tuple[Kept, ...]]:
    """Each match there is, the first first; an event is part of one only."""
    while (found := _match(rule, watch.seen)) is not None:
        used = {one.id for one in found}
        watch.seen = [one for one in watch.seen if one.id not in used]
        yield found


def _match(rule: Rule, seen: list[Kept]) -> tuple[Kept, ...] | None:
    """From each first one on the earliest that fit: no other choice ends sooner."""
    within = timedelta(seconds=rule.within)
    for start, first in enumerate(seen):
        if rule.slots[0] not in first.fits:
            continue
        found = [first]
        for one in seen[start + 1 :]:
            if len(found) == len(rule.slots) or one.at - first.at > within:
                break
            if rule.slots[len(found)] in one.fits:
                found.append(one)
        if len(found) == len(rule.slots):
            return tuple(found)
    return None


def _opened(
    rule: Rule, seen: Iterable[Kept], found: Iterable[tuple[Kept, ...]]
) -> Iterator[Window]:
    """A window for each, but for those that something has closed which came before them."""
    absent = [one for one in seen if one.absent]
    for parts in found:
        window = Window(seen=parts, until=parts[0].at + timedelta(seconds=rule.within))
        if not any(window.broken_by(one) for one in absent):
            yield window
