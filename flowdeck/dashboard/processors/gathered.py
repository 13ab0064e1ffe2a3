"""What a processor gathers: by key, how many, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flowdeck.declare.registry import Processor
from flowdeck.declare.states import UNFINISHED, DeliveryState
from flowdeck.models import Due

LOOKED_AT = 2_000
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Gathered:
    """A key that is being gathered: the first came at ``since``, and all go on at ``until``."""

    key: str
    count: int
    since: datetime
    until: datetime


def gathered(processor: Processor) -> list[Gathered]:
    """The keys of the first 2,000 that wait for others of their key, the oldest first; 20 at most.

    One query, or none for a processor that gathers nothing.
    """
    gather = processor.gather
    if gather is None:
        return []
    waiting = Due.objects.filter(
        processor=processor.name, state__among=UNFINISHED, state=DeliveryState.SLEEPING
    ).filter(started_at=None, due_at__isnull=False)
    by_key: dict[str, list[datetime]] = {}
    for key, due_at in waiting.order_by("event_id").values_list("key", "due_at")[:LOOKED_AT]:
        assert due_at is not None  # others were not asked for
        by_key.setdefault(key, []).append(due_at)
    quiet, beyond = timedelta(seconds=gather.quiet), timedelta(seconds=gather.beyond_quiet)
    found = [
        Gathered(key, len(dues), dues[0] - quiet, min(max(dues), dues[0] + beyond))
        for key, dues in by_key.items()
    ]
    return found[:_SHOWN]
