"""Backfill: a new processor gets a delivery of all it has missed before anybody works on it.

For a projection that is every past event, for others what came since it is known
(:mod:`flowdeck.engine.subscriptions`) or where they are declared to start. Its lanes come into
being after that, so nothing of it can be claimed before its past is complete. From then on the
engine brings it everything in order, the past first: there is no other way of working, and so no
seam. Events published meanwhile fan out to it as to every processor, whether the publisher's code
knows it or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flowdeck.bells import bell
from flowdeck.database import connection, transaction
from flowdeck.declare.registry import Processor, registry, slot_of
from flowdeck.declare.states import DeliveryState
from flowdeck.engine import subscriptions
from flowdeck.errors import ReplayRefused
from flowdeck.history import kept
from flowdeck.letters import floors
from flowdeck.log.horizon import settled_position, writers_ended
from flowdeck.models import Delivery, Event, ProcessorState
from flowdeck.sql import dialect
from flowdeck.sql.parts import heard_by, rows

_CHUNK = 10_000
_PATIENCE = 5.0  # seconds; whoever wants the lanes asks again


def complete(new: Sequence[Processor]) -> list[Processor]:
    """Those of the processors without lanes that have a delivery of all they are to begin with.

    What they subscribe to is written down by now, so of appends that can be under way without
    knowing it one look finds the end. In an empty log that is all; else each is looked at alone.
    """
    if not new or settled_position(_PATIENCE) == 0:
        return list(new)
    return [one for one in new if backfill(one)]


def backfill(processor: Processor) -> bool:
    """Deliver the past to a processor that has no lanes yet; whether all of it is there.

    Works in chunks, each a transaction of its own, shared with other processes that do the same;
    goes on where a killed one stopped. Needs autocommit.
    """
    begins = [0] if processor.replayable else subscriptions.beginnings(processor.name)
    if not begins:
        return not processor.subscriptions
    after = min((one for one in begins if one is not None), default=None)
    if after is None:
        return True  # it was at work before anybody wrote down since when
    upto = settled_position(_PATIENCE)
    if upto is None:
        return False
    if not _heard(processor, after=after, upto=upto, most=1):
        return True
    if processor.replayable and not writers_ended(_PATIENCE):
        return False
    with transaction.atomic():  # on SQLite, what waits for the writer
        ProcessorState.objects.get_or_create(name=processor.name)
    # Whoever chose the receivers of an event before the processor was declared has ended now,
    # perhaps past what was the newest position then: it is looked for again.
    upto = settled_position(_PATIENCE)
    if upto is None:
        return False
    while not _next_chunk(processor, after, upto):
        pass
    return True


def deliver_past(name: str, positions: Iterable[int]) -> int:
    """Give a processor past events that it never got, whatever it subscribes to; how many.

    Events that it got before are left alone: :mod:`flowdeck.letters.redelivery` gives those again.
    Raises UnknownProcessor, or ReplayRefused where nobody knows any more which it got.
    """
    processor = registry.processor(name)
    wanted = list(positions)
    if (removed := kept.removed_upto()) >= min(wanted, default=removed + 1):
        raise ReplayRefused(
            f"What {name} got of events up to {removed:,} is not known any more: finished "
            "deliveries of these are removed (DELIVERIES_KEPT_DAYS)."
        )
    with transaction.atomic(), connection.cursor() as cursor:
        chosen = Event.objects.filter(position__in=wanted).order_by("position")
        keys = chosen.values_list("key", flat=True).order_by().distinct()
        floors.lower((processor.name, slot_of(key)) for key in keys)
        got = Delivery.objects.filter(processor=processor.name, event_id__in=wanted)
        had = set(got.values_list("event_id", flat=True))
        events = chosen.exclude(position__in=had).values_list("position", "key")
        due = [(position, key, slot_of(key)) for position, key in events]
        dialect().insert_deliveries(cursor, processor.name, due, DeliveryState.PENDING)
        transaction.on_commit(lambda: bell.ring([processor.name]))
    return len(due)


def _next_chunk(processor: Processor, after: int, upto: int) -> bool:
    with transaction.atomic():
        state = ProcessorState.objects.select_for_update().get(name=processor.name)
        begin = max(after, state.backfilled_to)
        events = _heard(processor, after=begin, upto=upto, most=_CHUNK)
        with connection.cursor() as cursor:
            due = [(position, key, slot_of(key)) for position, key in events]
            dialect().insert_deliveries(cursor, processor.name, due, DeliveryState.PENDING)
        floors.lower_all(processor.name)  # another process may have made its lanes meanwhile
        last = len(events) < _CHUNK
        state.backfilled_to = max(state.backfilled_to, upto) if last else events[-1][0]
        state.save(update_fields=["backfilled_to"])
    return last


def _heard(processor: Processor, *, after: int, upto: int, most: int) -> list[tuple[Any, ...]]:
    """Position and key of the events of that stretch of the log which are for it, oldest first."""
    heard, parameters = heard_by(processor)
    return rows(
        f"SELECT e.position, e.key FROM flowdeck_event e WHERE {heard} "
        "AND e.position > %s AND e.position <= %s ORDER BY e.position LIMIT %s",
        [*parameters, after, upto, most],
    )
