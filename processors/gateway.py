"""The payment provider, simulated: an outside service with a ledger of its own.

It behaves as real ones do: a call takes time, may be declined, may get no answer, and the same
idempotency key gets the same answer without charging twice. Its ledger commits by itself, so it
keeps what it did when the caller's transaction is rolled back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

from django.db import IntegrityError, connection, transaction
from django.db.models import F

from events.scenarios import Scenario
from processors.models import Charge, ProviderCall

DECLINED = "Your card ending 0002 was declined."


class GatewayError(Exception):
    """The provider did not do what it was asked, for a technical reason: try again."""


class GatewayUnavailable(GatewayError):
    """The provider does not answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider said. ``declined`` is empty if the money was taken."""

    reference: str
    declined: str


def charge(order_id: int, amount: Decimal, *, key: str, fault: Scenario) -> Answer:
    """Take money, once per ``key``. Raises GatewayUnavailable."""
    _take_time(fault.latency)
    if fault.outage and _calls(key) <= fault.outage:
        raise GatewayUnavailable("503 Service Unavailable from pay.example, request timed out")
    declined = DECLINED if fault.declines else ""
    reference = f"ch_{uuid5(NAMESPACE_URL, key).hex[:12]}"
    try:
        with _noted():
            made = Charge.objects.create(
                idempotency_key=key,
                order_id=order_id,
                amount=amount,
                declined=declined,
                reference=reference,
            )
    except IntegrityError:
        made = Charge.objects.get(idempotency_key=key)
    return Answer(made.reference, made.declined)


def refund(order_id: int, *, key: str) -> tuple[Decimal, str] | None:
    """Give back what was taken for an order: amount and reference, or None if nothing is left.

    Asking again with the same ``key`` gets the same answer.
    """
    taken = Charge.objects.filter(order_id=order_id, declined="")
    taken.filter(refunded=False).update(refunded=True, refund_key=key)
    given = taken.filter(refund_key=key).first()
    return (given.amount, given.reference) if given else None


@contextmanager
def _noted() -> Iterator[None]:
    """A commit that does not wait for the disk, as the provider's is not our disk's business.

    What the caller commits later brings it to the disk first, so no answer is kept without it.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit = off")
        yield


def _calls(key: str) -> int:
    ProviderCall.objects.get_or_create(idempotency_key=key)
    ProviderCall.objects.filter(pk=key).update(count=F("count") + 1)
    return ProviderCall.objects.get(pk=key).count


def _take_time(seconds: float) -> None:
    if seconds:
        threading.Event().wait(seconds)
