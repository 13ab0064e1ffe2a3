"""Dead letters: deliveries whose attempts are used up, waiting for a person."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q, QuerySet

from events import bell, telemetry
from events.models import Delivery, DeliveryState, Lane


def dead() -> QuerySet[Delivery]:
    """All dead letters, oldest first."""
    return Delivery.objects.filter(state=DeliveryState.DEAD).order_by("id")


def retry(ids: Iterable[int], *, by: str, reason: str = "") -> int:
    """Make dead letters due again, in order of their keys; return how many still were dead.

    The attempts so far are kept, so each gets one more. What waited behind them goes on after.
    """
    return _resolve(ids, "retry", DeliveryState.PENDING, by, reason)


def discard(ids: Iterable[int], *, by: str, reason: str) -> int:
    """Give dead letters up for good; return how many still were dead. What waited goes on."""
    return _resolve(ids, "discard", DeliveryState.DISCARDED, by, reason)


def make_due(deliveries: QuerySet[Delivery]) -> int:
    """End the waiting of retrying deliveries now; return how many there were."""
    with transaction.atomic():
        chosen = deliveries.filter(state=DeliveryState.RETRYING)
        _lock_lanes(chosen)
        count = chosen.update(state=DeliveryState.PENDING, due_at=None)
    return count


def _resolve(ids: Iterable[int], action: str, state: DeliveryState, by: str, reason: str) -> int:
    with transaction.atomic():
        chosen = Delivery.objects.filter(pk__in=list(ids), state=DeliveryState.DEAD)
        _lock_lanes(chosen)
        # Whoever came first has it: only what is still dead under the lock is touched.
        rows = list(chosen.values_list("id", "processor", "event_id"))
        count = Delivery.objects.filter(pk__in=[row[0] for row in rows]).update(
            state=state, due_at=None
        )
        if count:
            transaction.on_commit(lambda: _resolved(action, rows, by, reason))
    return count


def _resolved(action: str, rows: list[tuple[int, str, int]], by: str, reason: str) -> None:
    bell.ring(processor for _, processor, _ in rows)
    telemetry.emit(
        "resolved", action=action, count=len(rows), by=by, reason=reason,
        deliveries=tuple((position, processor) for _, processor, position in rows),
    )  # fmt: skip


def _lock_lanes(deliveries: QuerySet[Delivery]) -> None:
    """What becomes due again does so under its lane's lock, or a drain could overtake it."""
    slots = set(deliveries.values_list("processor", "slot"))
    if not slots:
        return
    wanted = Q()
    for processor, slot in slots:
        wanted |= Q(processor=processor, first_slot__lte=slot, last_slot__gte=slot)
    list(Lane.objects.select_for_update().filter(wanted).order_by("id"))
