"""Retiring a processor that no code declares any more: what waits for it is given up."""

from __future__ import annotations

from flowdeck.database import transaction
from flowdeck.declare.registry import registry
from flowdeck.declare.states import UNFINISHED, DeliveryState
from flowdeck.errors import StillDeclared
from flowdeck.history import tally
from flowdeck.history.tally import Change
from flowdeck.models import Due, Lane, Subscription
from flowdeck.people import audit

_CHUNK = 1_000


def retire(name: str, *, by: str, reason: str) -> int:
    """Give up what waits for the processor, also its dead letters; how many deliveries that was.

    Appends don't deliver to it any more, but for those of code that still declares it, and its
    lanes are gone: declared again it is a new one. Works in transactions of 1,000, so it may be run
    again after a crash. Raises StillDeclared for one that this code declares.
    """
    if name in registry.processors:
        raise StillDeclared(
            f"{name} is declared here. Take it out of the code, deploy that, then retire it."
        )
    Subscription.objects.filter(processor=name).delete()
    settled = 0
    while count := _next_chunk(name, by=by, reason=reason):
        settled += count
    with transaction.atomic():
        Lane.objects.filter(processor=name).delete()
        audit.record("retire", by=by, target=f"processor {name}", count=settled, reason=reason)
    return settled


def _next_chunk(name: str, *, by: str, reason: str) -> int:
    given_up = (*UNFINISHED, DeliveryState.DEAD)
    with transaction.atomic():
        # Nobody of other code is at work on them while their lanes are locked.
        list(Lane.objects.select_for_update().filter(processor=name).order_by("id"))
        waiting = Due.objects.filter(processor=name, state__among=given_up).order_by("event_id")
        chunk = list(waiting.values_list("event_id", "state")[:_CHUNK])
        chosen = Due.objects.filter(processor=name, event_id__in=[one for one, _ in chunk])
        chosen.filter(state__among=given_up).update(state=DeliveryState.DISCARDED, due_at=None)
        if chunk:
            tally.tell(
                Change(position, dead=-int(state == DeliveryState.DEAD), settled=1)
                for position, state in chunk
            )
            target = f"processor {name}"
            entry = audit.record("discard", by=by, target=target, count=len(chunk), reason=reason)
            audit.touched(entry.pk, [(position, name) for position, _ in chunk])
    return len(chunk)
