"""``fraud``: complex event processing; three failed payments of one user within a minute.

No single event says so: it is a pattern over several, of different orders. Windows go by event
time (``occurred_at``, when the payment failed), not by when a delivery happens to come. A late
event still counts in its window, up to ``LATENESS`` behind the newest one of its user; what is
later than that is counted as too late, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from events.domain_events import FraudSuspected, PaymentProcessed
from events.models import Checkout
from flowdeck import Delivery, processor
from processors.models import FraudWatch

WINDOW = timedelta(minutes=1)
SUSPICIOUS = 3
LATENESS = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed payment: of which order, and when it happened."""

    order_id: int
    at: datetime


@processor("fraud", batch=True, emits=(FraudSuspected,))
def fraud(events: list[PaymentProcessed], deliveries: list[Delivery]) -> None:
    """Raise FraudSuspected when a user's payments failed three times within a minute."""
    failed = [
        (Failure(event.order_id, delivery.envelope.occurred_at), delivery)
        for event, delivery in zip(events, deliveries, strict=True)
        if event.status == "failed"
    ]
    if not failed:
        return
    orders = Checkout.objects.filter(pk__in=[failure.order_id for failure, _ in failed])
    users = dict(orders.values_list("pk", "user_id"))
    watches = _locked(set(users.values()))
    for failure, delivery in failed:
        if watch := watches.get(users.get(failure.order_id, 0)):
            _take_in(watch, failure, delivery)
    FraudWatch.objects.bulk_update(watches.values(), ["failures", "too_late"])


def is_too_late(known: list[Failure], new: Failure) -> bool:
    """Whether the window of ``new`` was closed before it came."""
    return bool(known) and new.at < max(one.at for one in known) - LATENESS


def suspicious(known: list[Failure], new: Failure) -> list[Failure]:
    """The failures of the first full window that ``new`` completes; none if it completes none."""
    inside = sorted([*known, new], key=lambda one: (one.at, one.order_id))
    for start in range(len(inside) - SUSPICIOUS + 1):
        window = inside[start : start + SUSPICIOUS]
        if new in window and window[-1].at - window[0].at <= WINDOW:
            return window
    return []


def _take_in(watch: FraudWatch, new: Failure, delivery: Delivery) -> None:
    known = [Failure(number, datetime.fromisoformat(at)) for number, at in watch.failures]
    if is_too_late(known, new):
        watch.too_late += 1
        return
    window = suspicious(known, new)
    if window:
        delivery.emit(
            FraudSuspected(
                user_id=watch.user_id,
                order_ids=[one.order_id for one in window],
                first_at=window[0].at,
                last_at=window[-1].at,
            ),
            stream=f"user-{watch.user_id}",
        )
    newest = max(one.at for one in [*known, new])
    # What has raised a suspicion raises no second one.
    watch.failures = [
        (one.order_id, one.at.isoformat())
        for one in [*known, new]
        if one not in window and one.at >= newest - LATENESS - WINDOW
    ]


def _locked(users: set[int]) -> dict[int, FraudWatch]:
    """A row of each user, locked in one order: their failures come in orders of different keys."""
    FraudWatch.objects.bulk_create(
        [FraudWatch(user_id=user) for user in sorted(users)], ignore_conflicts=True
    )
    rows = FraudWatch.objects.select_for_update().filter(user_id__in=users).order_by("user_id")
    return {row.user_id: row for row in rows}
