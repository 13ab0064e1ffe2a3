"""Processors that only the lab uses, to show what goes wrong when a guarantee is not used.

They exist in demo mode only. ``lab.careless`` is wrong on purpose.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F

from events import scenarios
from events.domain_events import OrderConfirmed
from flowdeck import Delivery, Event, Retry, processor, projection, upcaster
from flowdeck.extend import wrong_on_purpose
from lab.models import LabAccount, LabBalance, LabSeen

CARELESS, KEYED, ATOMIC = "lab.careless", "lab.keyed", "lab.atomic"
ARRIVALS = "lab.arrivals"
LOYALTY = "lab.loyalty"
ACCOUNT = "lab.account"
GREETER = "lab.greeter"


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


class LabPointsGiven(Event, version=1):
    """A newcomer among the processors gave points for a confirmed order."""

    order_id: int
    points: int


class LabMoneyMoved(Event, version=1):
    """Money came into the account of a run, or (below zero) went out of it."""

    run_id: int
    amount: int
    note: str


class LabCustomerNamed(Event, version=2):
    """A customer said what they are called. Version 1 had one ``name`` for both."""

    first_name: str
    last_name: str


class LabCustomerGreeted(Event, version=1):
    """A customer was greeted by their first name."""

    text: str


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


def loyalty(event: OrderConfirmed) -> LabPointsGiven:
    """Give a point for each euro. It gets only the orders that it is added to in a lesson."""
    return LabPointsGiven(order_id=event.order_id, points=int(event.total))


def account(event: LabMoneyMoved) -> None:
    """What is in the account of each run: a read model, from events alone."""
    row, _ = LabAccount.objects.get_or_create(run_id=event.run_id)
    row.balance += event.amount
    row.moves += 1
    row.save()


def greeter(event: LabCustomerNamed) -> LabCustomerGreeted:
    """Written for version 2: it has never heard of version 1."""
    return LabCustomerGreeted(text=f"Hello {event.first_name}")


@upcaster(LabCustomerNamed, from_version=1, sample={"name": "Ada Lovelace"})
def two_names(data: dict[str, Any]) -> dict[str, Any]:
    """Version 2 knows first and last names."""
    first, _, last = data["name"].partition(" ")
    return {"first_name": first, "last_name": last}


def _add(event: LabPaidIn, name: str) -> None:
    own = LabBalance.objects.get_or_create(run_id=event.run_id, processor=name)[0]
    LabBalance.objects.filter(pk=own.pk).update(amount=F("amount") + event.amount)


wrong_on_purpose(CARELESS, "it adds outside of its transaction: a redelivery adds twice")
wrong_on_purpose(ARRIVALS, "some of its events have keys of their own, so their order is lost")
if scenarios.allowed():
    processor(CARELESS, atomic=False, lanes=1)(careless)
    processor(KEYED, atomic=False, lanes=1)(keyed)
    processor(ATOMIC, lanes=1)(atomic)
    processor(ARRIVALS, lanes=4, retry=Retry(max_attempts=3, base=0.4, jitter=False))(arrivals)
    # Nothing is ever published to its streams: a lesson adds it to one order by hand.
    processor(LOYALTY, lanes=1, streams="lab-")(loyalty)
    projection(ACCOUNT, model=LabAccount, lanes=1)(account)
    processor(GREETER, lanes=1)(greeter)
