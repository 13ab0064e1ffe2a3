"""Feeding projections the log again: what they have had live, in the same order per key.

A replay applies every event the projection subscribes to, except what is unfinished (the engine
will bring it) and what was discarded (a person left it out). An event without a delivery counts as
done: the projection did not know its type then, or the delivery was archived. The feed may run
beside the workers: a key with an unfinished delivery is put off until the lanes are held.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from flowdeck.database import connection
from flowdeck.declare import context
from flowdeck.declare.event import Delivery, Event, StoredEvent
from flowdeck.declare.registry import Processor, slot_of
from flowdeck.declare.states import DeliveryState
from flowdeck.errors import HandlerContractError, ReplayRefused
from flowdeck.history import kept
from flowdeck.log.append import read_at
from flowdeck.log.payloads import load
from flowdeck.privacy.sealing import opened
from flowdeck.replay.shadow import Shadows, only_shadows
from flowdeck.sql import dialect
from flowdeck.sql.parts import heard_by, placeholders

_MOST_PUT_OFF = 100_000


@dataclass(slots=True)
class _Progress:
    """What one projection has been fed, and what it still needs once its lanes are held."""

    projection: Processor
    held: set[str] = field(default_factory=set)
    put_off: list[int] = field(default_factory=list)
    undelivered: bool = False

    def wants(self, event: StoredEvent, state: str | None) -> bool:
        """Whether the projection subscribes to it, and has had it or will never get it."""
        if not self.projection.hears(event.type, event.stream):
            return False
        self.undelivered = self.undelivered or state is None
        return state != DeliveryState.DISCARDED


class Feed:
    """One pass of some projections over the log. ``seen`` counts events, each once."""

    def __init__(self, projections: Sequence[Processor], made: Shadows) -> None:
        self._of = [_Progress(projection) for projection in projections]
        self._made = made
        self._types = sorted({name for p in projections for name in p.subscriptions})
        self._loaded: dict[int, Event] = {}
        # SQLite has one writer at a time, so there a chunk must not keep the others waiting.
        self.chunk = 5_000 if connection.vendor == "postgresql" else 1_000
        self.position = 0
        self.seen = 0

    def advance(self, upto: int) -> bool:
        """Feed the next chunk of events up to a settled position; whether there was one."""
        self._made.beat()
        with _uncollected(), self._made.transaction():
            events, states = self._read(upto)
            for progress in self._of:
                self._apply(progress.projection, self._due(progress, events, states))
        return bool(events)

    def finish(self) -> None:
        """Feed what was put off and what came since. Needs the lanes of all projections held."""
        for progress in self._of:
            for start in range(0, len(progress.put_off), self.chunk):
                positions = progress.put_off[start : start + self.chunk]
                done = _done_at(progress.projection.name, positions)
                self._apply(progress.projection, read_at(sorted(done)))
            progress.held.clear()
            progress.put_off.clear()
        while True:
            events, states = self._read(None)
            if not events:
                return
            for progress in self._of:
                of = states[progress.projection.name]
                mine = [e for e in events if progress.wants(e, of.get(e.position))]
                over = [e for e in mine if of.get(e.position) in (None, DeliveryState.DONE)]
                self._apply(progress.projection, over)

    def adopt(self) -> None:
        """Note events that were replayed without ever having been delivered as done."""
        for progress in self._of:
            if progress.undelivered:
                _deliver_as_done(progress.projection, self.position)

    def _read(self, upto: int | None) -> tuple[list[StoredEvent], dict[str, dict[int, str]]]:
        """The next chunk, and the states of its deliveries by projection and position."""
        names = [progress.projection.name for progress in self._of]
        self._loaded.clear()
        last = upto
        with connection.cursor() as cursor:
            bound, parameters = ("", []) if upto is None else (" AND position <= %s", [upto])
            events = dialect().select_events(
                cursor,
                f"WHERE position > %s{bound} AND type IN ({placeholders(self._types)}) "
                f"ORDER BY position LIMIT {self.chunk}",
                [self.position, *parameters, *self._types],
            )
            if len(events) == self.chunk or (events and upto is None):
                last = events[-1].position
            states: dict[str, dict[int, str]] = {name: {} for name in names}
            if events:
                cursor.execute(
                    "SELECT processor, position, state FROM flowdeck_delivery WHERE position >= %s "
                    f"AND position <= %s AND processor IN ({placeholders(names)})",
                    [events[0].position, events[-1].position, *names],
                )
                for name, position, state in cursor.fetchall():
                    states[name][position] = state
        self.position = self.position if last is None else last
        self.seen += len(events)
        return opened(events), states

    def _due(
        self, progress: _Progress, events: list[StoredEvent], states: dict[str, dict[int, str]]
    ) -> list[StoredEvent]:
        """What can be applied now: done, and no earlier one of its key is put off."""
        of, held, due = states[progress.projection.name], progress.held, []
        for event in events:
            state = of.get(event.position)
            if not progress.wants(event, state):
                continue
            if state in (None, DeliveryState.DONE) and event.key not in held:
                due.append(event)
                continue
            held.add(event.key)
            progress.put_off.append(event.position)
        if len(progress.put_off) > _MOST_PUT_OFF:
            raise ReplayRefused(
                f"{progress.projection.name} is far behind: more than {_MOST_PUT_OFF:,} events "
                "wait for it. Let it catch up, then replay."
            )
        return due

    def _apply(self, projection: Processor, due: list[StoredEvent]) -> None:
        if not due:
            return
        events = [self._load(event) for event in due]
        deliveries = [Delivery(projection.name, 1, event, replaying=True) for event in due]
        with only_shadows(self._made.all):
            if projection.batch:
                _call(projection, due[0], events, deliveries)
            else:
                for stored, event, delivery in zip(due, events, deliveries, strict=True):
                    _call(projection, stored, event, delivery)
        if any(delivery.emitted for delivery in deliveries):
            raise HandlerContractError(
                f"Projection {projection.name!r} emitted an event; it may only write its read "
                "model. Declare it with @processor instead."
            )

    def _load(self, stored: StoredEvent) -> Event:
        """The payload; read once for all projections of the pass."""
        event = self._loaded.get(stored.position)
        if event is None:
            event = self._loaded[stored.position] = load(stored)
        return event


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave the cyclic garbage for after the block.

    A chunk makes a hundred thousand objects that live until its end: the collector would search
    them, and all that the process holds, over and over, and find nothing.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _call(
    projection: Processor,
    first: StoredEvent,
    events: Event | list[Event],
    deliveries: Delivery | list[Delivery],
) -> None:
    around = context.Context(first.correlation_id, first.id, in_batch=True)  # publish() is refused
    with context.entered(around):
        if projection.wants_delivery:
            projection.handler(events, deliveries)
        else:
            projection.handler(events)


def _deliver_as_done(projection: Processor, upto: int) -> None:
    heard, parameters = heard_by(projection)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.position, e.key FROM flowdeck_event e WHERE {heard} AND e.position <= %s "
            "AND e.position > %s AND NOT EXISTS (SELECT 1 FROM flowdeck_delivery d "
            "WHERE d.position = e.position AND d.processor = %s)",
            [*parameters, upto, kept.removed_upto(), projection.name],
        )
        rows = [(position, key, slot_of(key)) for position, key in cursor.fetchall()]
        dialect().insert_deliveries(cursor, projection.name, rows, DeliveryState.DONE)


def _done_at(name: str, positions: Sequence[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT position FROM flowdeck_done WHERE processor = %s "
            f"AND position IN ({placeholders(positions)})",
            [name, *positions],
        )
        return [row[0] for row in cursor.fetchall()]
