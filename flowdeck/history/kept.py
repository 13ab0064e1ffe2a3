"""What of the past is not kept any more: finished deliveries that a setting lets go."""

from __future__ import annotations

from datetime import datetime

from flowdeck.models import RemovedDeliveries


def removed_upto() -> int:
    """Of events up to which position no finished delivery is kept; 0 if all are. One query."""
    return RemovedDeliveries.objects.values_list("position", flat=True).first() or 0


def announce_removal(position: int, now: datetime) -> None:
    """Say that those up to this position go, before they do; it never becomes less."""
    RemovedDeliveries.objects.bulk_create(
        [RemovedDeliveries(pk=1, position=0, at=now)], ignore_conflicts=True
    )
    RemovedDeliveries.objects.filter(position__lt=position).update(position=position, at=now)
