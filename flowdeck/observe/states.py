"""The state of a delivery as it is read: the stored one, or running or parked, which are derived.

``running``: a worker holds the lease of its lane and took it after the event was there. ``parked``:
it waits because an earlier delivery of the same key is retrying, sleeping or dead. Neither is ever
stored, so neither can be wrong after a crash.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Min, Q, QuerySet

from flowdeck import clock
from flowdeck.declare.registry import registry
from flowdeck.declare.states import HOLDING, UNFINISHED, WAITING, DeliveryState
from flowdeck.models import Delivery, Due, Lane

UNDER_WAY = frozenset((*UNFINISHED, DeliveryState.RUNNING, DeliveryState.PARKED))
"""States that will still change by themselves or when what is ahead is resolved."""


@dataclass(frozen=True, slots=True)
class Derived:
    """The state of a delivery as read; ``running_since`` and ``worker`` while it runs."""

    state: str
    running_since: datetime | None = None
    worker: str = ""


def derive(deliveries: Iterable[Delivery]) -> dict[tuple[int, str], Derived]:
    """The state of each delivery by its key, in two queries (none if all are settled).

    Deliveries need their ``event`` loaded only if it is loaded anyway: positions stand for age.
    """
    listed = list(deliveries)
    waiting = [d for d in listed if d.state in UNFINISHED]
    found = {delivery.pk: Derived(delivery.state) for delivery in listed}
    if not waiting:
        return found
    ahead, leases = _held_back(waiting), _leases({d.processor for d in waiting})
    now = clock.now()
    for delivery in waiting:
        first = ahead.get((delivery.processor, delivery.key))
        if first is not None and first < delivery.event_id:
            if delivery.state == DeliveryState.PENDING:
                found[delivery.pk] = Derived(DeliveryState.PARKED)
        elif delivery.due_at is None or delivery.due_at <= now:
            lane = _lane_of(delivery, leases[delivery.processor])
            if lane is not None:
                found[delivery.pk] = Derived(DeliveryState.RUNNING, lane.claimed_at, lane.worker)
    return found


def holding_back(places: Collection[tuple[str, int | None, str]]) -> QuerySet[Due]:
    """What holds keys back, of the processors, slots and keys of these ``places``."""
    names = {name for name, _, _ in places}
    wanted = Q(state__in=WAITING) | Q(state=DeliveryState.DEAD, processor__in=_parking(names))
    return Due.objects.filter(
        wanted,
        state__among=HOLDING,  # names the partial index
        processor__in=names,
        slot__in={slot for _, slot, _ in places},
        key__in={key for _, _, key in places},
    )


def _held_back(waiting: list[Delivery]) -> dict[tuple[str, str], int]:
    """Position of the first delivery of each key that holds the later ones back."""
    rows = (
        holding_back([(d.processor, d.slot, d.key) for d in waiting])
        .values_list("processor", "key")
        .annotate(first=Min(F("event_id")))
        .order_by()
    )
    return {(processor, key): first for processor, key, first in rows}


def _parking(names: set[str]) -> list[str]:
    return [
        name
        for name in names
        if name not in registry.processors or registry.processors[name].on_dead == "park"
    ]


def _leases(names: set[str]) -> dict[str, list[Lane]]:
    found: dict[str, list[Lane]] = defaultdict(list)
    leased = Lane.objects.filter(
        processor__in=names, token__isnull=False, lease_expires_at__gt=clock.now()
    )
    for lane in leased:
        found[lane.processor].append(lane)
    return found


def _lane_of(delivery: Delivery, lanes: list[Lane]) -> Lane | None:
    for lane in lanes:
        if delivery.slot is not None and lane.first_slot <= delivery.slot <= lane.last_slot:
            return lane if _was_there(delivery, lane) else None
    return None


def _was_there(delivery: Delivery, lane: Lane) -> bool:
    """Whether the lane was claimed after the delivery had come; later ones wait for the next."""
    event = delivery._state.fields_cache.get("event")
    if event is None or lane.claimed_at is None:
        return True
    return bool(event.recorded_at <= lane.claimed_at)
