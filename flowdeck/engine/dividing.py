"""Dividing a processor's slots into another number of lanes, while everybody is at work.

Its claims rest meanwhile, as in a pause: calls under a lease end first, and batches with their
locks. Whoever holds ids of lanes that are gone finds nothing on them. So nothing is done twice or
out of order, and its work goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from flowdeck import clock
from flowdeck.conf import conf
from flowdeck.database import transaction
from flowdeck.declare.registry import SLOTS, registry, slot_of
from flowdeck.engine import pause
from flowdeck.engine.lanes import ranges
from flowdeck.errors import LanesNotDivided
from flowdeck.models import Event, Lane
from flowdeck.people import audit

_LOOK = 0.05  # seconds
_LEASES = 2  # how many times a lease may last until it is given up


def divide(name: str, count: int, *, by: str, reason: str) -> int:
    """Let the processor have ``count`` lanes; how many it had. Needs autocommit.

    One that was not paused rests as long as that takes: until its calls under way have ended.
    Raises UnknownProcessor, or LanesNotDivided if one does not end, or the count is none.
    """
    registry.processor(name)
    if not 1 <= count <= SLOTS:
        raise LanesNotDivided(f"A processor has 1 to {SLOTS:,} lanes, not {count:,}.")
    paused = pause.pause(name, by=by, reason="its lanes are divided anew")
    try:
        return _divided(name, count, by=by, reason=reason)
    finally:
        if paused:
            pause.resume(name, by=by)


def _divided(name: str, count: int, *, by: str, reason: str) -> int:
    end = time.monotonic() + _LEASES * conf().LEASE_SECONDS
    while True:
        with transaction.atomic():
            # Whoever has a batch in a transaction has locked its lanes, and ends first.
            had = list(Lane.objects.select_for_update().filter(processor=name).order_by("id"))
            leased = [one for one in had if _is_leased(one)]
            if not leased:
                Lane.objects.filter(pk__in=[one.pk for one in had]).delete()
                Lane.objects.bulk_create(_lanes(name, count, had))
                target = f"processor {name}"
                audit.record("divide lanes", by=by, target=target, count=count, reason=reason)
                return len(had)
        if time.monotonic() > end:
            raise LanesNotDivided(
                f"{leased[0].worker} has not ended a call of {name} yet. Try it again, or give "
                "its handler a timeout."
            )
        time.sleep(_LOOK)


def _is_leased(lane: Lane) -> bool:
    ends = lane.lease_expires_at
    return lane.token is not None and ends is not None and ends > clock.now()


def _lanes(name: str, count: int, had: Sequence[Lane]) -> list[Lane]:
    """The new ones; what killed workers before is suspected still, on the lane of its key."""
    lanes = [
        Lane(processor=name, first_slot=first, last_slot=last) for first, last in ranges(count)
    ]
    for one in had:
        event = Event.objects.filter(pk=one.suspect).first() if one.suspect is not None else None
        if event is not None:
            lane = next(each for each in lanes if each.last_slot >= slot_of(event.key))
            lane.suspect, lane.suspected_at = one.suspect, one.suspected_at
            lane.claims, lane.last_exception = one.claims, one.last_exception
    return lanes
