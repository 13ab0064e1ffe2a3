"""Changing the limits of a processor while it works, and back to what its code says. Audited.

They hold from the next start on, over all workers, since these ask the database for each. Whoever
changes them takes the lock that starts are handed out under: the next one is as far from the last
as the new limits say.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F

from flowdeck import clock
from flowdeck.bells import bell
from flowdeck.database import transaction
from flowdeck.declare.limits import Limits
from flowdeck.declare.registry import registry
from flowdeck.errors import NotLimited
from flowdeck.models import FlowControl, FlowGroup
from flowdeck.people import audit

_ACTION = "change limits"


def change(name: str, limits: Limits, *, by: str, reason: str) -> None:
    """Let other ``limits`` hold for a processor than its code says; their ``by`` is the code's.

    Raises UnknownProcessor, or NotLimited for one whose code declares none.
    """
    _set(name, limits, clock.now(), by=by, reason=reason, target=words(limits))


def restore(name: str, *, by: str, reason: str) -> bool:
    """Let the limits of the code hold again; whether others did. Raises as :func:`change` does."""
    declared = _declared(name)
    if not FlowControl.objects.filter(pk=name, limits_set_at__isnull=False).exists():
        return False
    _set(name, declared, None, by=by, reason=reason, target="as the code says")
    return True


def _set(
    name: str, limits: Limits, at: datetime | None, *, by: str, reason: str, target: str
) -> None:
    declared = _declared(name)
    with transaction.atomic():
        FlowControl.objects.bulk_create([FlowControl(processor=name)], ignore_conflicts=True)
        control = FlowControl.objects.select_for_update().get(pk=name)
        before = control.in_force(declared) or declared
        _space_anew(control, before.every, limits.every)
        control.limit_concurrent, control.limit_per = limits.concurrent, limits.per
        control.limit_every, control.limit_burst = limits.every, limits.burst
        control.limits_set_at, control.limits_set_by, control.limits_reason = at, by, reason
        control.save()
        told = f"to {target}: {reason}"
        audit.record(_ACTION, by=by, target=f"processor {name}", count=1, reason=told)
        transaction.on_commit(lambda: bell.ring([name]))


def _space_anew(control: FlowControl, before: float | None, after: float | None) -> None:
    """Let the next start be as far from the last one as the new limits say."""
    control.not_before = control.waits_until = None
    groups = FlowGroup.objects.filter(processor=control.processor)
    if before is None or after is None:
        control.next_at = None
        groups.delete()
        return
    by = timedelta(seconds=after - before)
    control.next_at = control.next_at and control.next_at + by
    groups.update(next_at=F("next_at") + by)


def _declared(name: str) -> Limits:
    declared = registry.processor(name).limits
    if declared is None:
        raise NotLimited(
            f"The code of {name!r} declares no limits, and then none is asked for: give it "
            "limits=Limits(...) first."
        )
    return declared


def words(limits: Limits) -> str:
    """The limits as a person says them."""
    at_once = f"{limits.concurrent} at once" if limits.concurrent is not None else ""
    burst = f" with {limits.burst} at once after a pause" if limits.burst > 1 else ""
    return " and ".join(filter(None, [at_once, limits.per and f"{limits.per}{burst}"]))
