"""What this worker's code does not know, while newer code is being deployed: it waits for that.

An event of a type or version that is not declared here, or a type that others' code has the
processor hear and this one's has not, is put off: no attempt, no dead letter, and its key keeps its
order. After ``FLOWDECK["UNKNOWN_KEPT_HOURS"]`` an unreadable one is a failure as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from flowdeck import clock
from flowdeck.conf import conf
from flowdeck.declare.registry import Processor, registry
from flowdeck.errors import NotHeardHere, UnknownEventType, UnknownVersion
from flowdeck.models import Subscription
from flowdeck.sql import DueDelivery

AGAIN = 2.0
"""Seconds until it is looked at again, by whoever comes first."""

_SAID_LATELY = timedelta(minutes=5)  # a worker says it each minute


def waits(due: DueDelivery, cause: BaseException) -> bool:
    """Whether what ended with ``cause`` is put off for a worker whose code is newer."""
    if isinstance(cause, NotHeardHere):
        return True
    if not isinstance(cause, (UnknownEventType, UnknownVersion)):
        return False
    event, longest = due.event, timedelta(hours=conf().UNKNOWN_KEPT_HOURS)
    known = registry.knows(event.type, event.version)
    return not known and clock.now() - event.recorded_at < longest


def tell_apart(processor: Processor, dues: Sequence[DueDelivery]) -> None:
    """Say of each whether this code's processor hears it; no query if it hears all of them.

    One whose type some worker says that it hears is put off; one that nobody does any more is done
    without a call. What was given to it by hand it gets, whatever it hears.
    """
    hears = processor.subscriptions
    odd = [one for one in dues if hears and one.event.type not in hears]
    if not odd:
        return
    said = Subscription.objects.filter(
        processor=processor.name, type__in={one.event.type for one in odd}
    )
    seen = dict(said.values_list("type", "seen_at"))
    lately = clock.now() - _SAID_LATELY
    for one in odd:
        at = seen.get(one.event.type)
        if at is not None:
            verdict: Literal["waits", "gone"] = "waits" if at >= lately else "gone"
            one.unheard = verdict
