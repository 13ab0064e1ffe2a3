"""Floors: below its floor a lane has no delivery that is due, or becomes due by time alone.

Work is looked for from the floor on (PostgreSQL), so what was done and is not vacuumed yet is not
walked over again: as long as somebody's old transaction is open that may be a million rows. A
worker raises the floors of the lanes that it leaves, to the first delivery of its last batch or the
first that waits for its time, and never past what the log is complete up to: a position is given
out before its commit. What waits behind a dead letter does not hold a floor. So whoever makes a
delivery due by hand lowers the floor, under the lane's lock.

A wrong floor would keep a delivery waiting for ever, so once a minute it is looked for without any.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from django.db.models import F, Q, QuerySet

from flowdeck import clock, telemetry
from flowdeck.bells import bell
from flowdeck.database import connection, transaction
from flowdeck.declare.registry import registry
from flowdeck.declare.states import UNFINISHED, DeliveryState, among
from flowdeck.models import Lane, Settled
from flowdeck.sql import dialect
from flowdeck.sql.parts import placeholders, rows

_EVERY = timedelta(seconds=50)  # each worker process asks once a minute

_WRONG = f"""
SELECT l.id, l.processor, min(d.position) FROM flowdeck_lane l
  JOIN flowdeck_due d ON d.processor = l.processor
    AND d.slot BETWEEN l.first_slot AND l.last_slot AND d.position < l.floor
WHERE d.state {among(*UNFINISHED)} AND NOT EXISTS (
  SELECT 1 FROM flowdeck_due h
  WHERE h.state {among(DeliveryState.DEAD)} AND h.processor = d.processor AND h.key = d.key
    AND h.position < d.position AND h.processor IN ({{}}))
GROUP BY l.id, l.processor ORDER BY l.id
"""


class Wrong(NamedTuple):
    """A lane whose floor is above a delivery that somebody is to work on."""

    lane: int
    processor: str
    position: int


def lower(slots: Iterable[tuple[str, int]]) -> None:
    """Lock the lanes of these processors' slots until the transaction ends, and lower their floors.

    What becomes due again does so under its lane's lock, or a drain could overtake it.
    """
    wanted = Q()
    for processor, slot in set(slots):
        wanted |= Q(processor=processor, first_slot__lte=slot, last_slot__gte=slot)
    if wanted:
        _lower(Lane.objects.select_for_update().filter(wanted))


def lower_all(processor: str) -> None:
    """The same with all lanes of a processor, if it has any yet."""
    _lower(Lane.objects.select_for_update().filter(processor=processor))


def _lower(chosen: QuerySet[Lane]) -> list[int]:
    lanes = list(chosen.order_by("id").values_list("pk", flat=True))
    # The count tells a worker that keeps the lane: what it has seen of it holds no longer.
    Lane.objects.filter(pk__in=lanes).update(floor=0, lowered=F("lowered") + 1)
    return lanes


def note_settled() -> None:
    """Note up to where the log is complete; floors do not pass it. Needs autocommit."""
    with connection.cursor() as cursor:
        dialect().note_settled(cursor)


def mend() -> None:
    """Lower floors that are wrong, and tell; looks if nobody has done so lately."""
    now = clock.now()
    due = Q(looked_at=None) | Q(looked_at__lt=now - _EVERY)
    if not Settled.objects.filter(due).update(looked_at=now):
        return
    for one in wrong():
        with transaction.atomic():
            # Somebody may hold its lock for long; then it is looked at again in a minute.
            free = Lane.objects.select_for_update(skip_locked=True).filter(pk=one.lane)
            Lane.objects.filter(pk__in=_lower(free)).update(floor_wrong_at=now)
        telemetry.emit(telemetry.FloorWrong(one.processor, one.position))
        bell.ring([one.processor])


def wrong() -> list[Wrong]:
    """Lanes with a wrong floor. One statement is one snapshot, so each of them is a fault."""
    parking = [one.name for one in registry.processors.values() if one.parks] or [""]
    return [Wrong(*row) for row in rows(_WRONG.format(placeholders(parking)), parking)]
