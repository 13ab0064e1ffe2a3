"""Processors that only the lab uses, to show what goes wrong when a guarantee is not used.

They exist in demo mode only. ``lab.careless`` is wrong on purpose.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from events import Delivery, Event, Retry, processor
from processors import faults
from processors.models import LabBalance, LabSeen

CARELESS, KEYED, ATOMIC = "lab.careless", "lab.keyed", "lab.atomic"
ARRIVALS = "lab.arrivals"


class LabPaidIn(Event, version=1):
    """Somebody paid ``amount`` into the account of a run."""

    run_id: int
    amount: int


class LabStepTaken(Event, version=1):
    """Step ``n`` of a run; order is kept by the stream. The first try fails if it ``stumbles``."""

    run_id: int
    n: int
    stumbles: bool = False


class LabStepScattered(Event, version=1, key="token"):
    """The same step, with a key of its own each, so that no order is kept."""

    run_id: int
    n: int
    token: str
    stumbles: bool = False


class Stumbled(Exception):
    """The first try of a step that was to fail."""


def careless(event: LabPaidIn, delivery: Delivery) -> None:
    """Add to a balance outside of the delivery's transaction: wrong on purpose."""
    _add(event, delivery.processor)


def keyed(event: LabPaidIn, delivery: Delivery) -> None:
    """Add to a balance outside of the delivery's transaction, once per idempotency key."""
    with transaction.atomic():
        _, is_new = LabSeen.objects.get_or_create(key=delivery.idempotency_key)
        if is_new:
            _add(event, delivery.processor)


def atomic(event: LabPaidIn, delivery: Delivery) -> None:
    """Add to a balance in the delivery's own transaction: both or neither."""
    _add(event, delivery.processor)


def arrivals(event: LabStepTaken | LabStepScattered, delivery: Delivery) -> None:
    """Take note of a step; the time is in the log."""
    if event.stumbles and delivery.attempt == 1:
        raise Stumbled(f"step {event.n} fails at its first try")


def _add(event: LabPaidIn, name: str) -> None:
    own = LabBalance.objects.get_or_create(run_id=event.run_id, processor=name)[0]
    LabBalance.objects.filter(pk=own.pk).update(amount=F("amount") + event.amount)


if faults.allowed():
    processor(CARELESS, atomic=False, lanes=1)(careless)
    processor(KEYED, atomic=False, lanes=1)(keyed)
    processor(ATOMIC, lanes=1)(atomic)
    processor(ARRIVALS, lanes=4, retry=Retry(max_attempts=3, base=0.4, jitter=False))(arrivals)
