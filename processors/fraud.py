"""``fraud``: complex event processing; three failed payments of one user within a minute.

No single event says so: it is a pattern over several, of different orders. Windows go by event
time (``occurred_at``, when the payment failed), not by when a delivery happens to come. A window
stays open for ``LATENESS``; what comes later still is counted as too late, and changes nothing.
"""

from __future__ import annotations

from datetime import timedelta

from events.domain_events import FraudSuspected, PaymentProcessed
from flowdeck import Match, Seen, pattern

WINDOW, LATENESS = timedelta(minutes=1), timedelta(minutes=5)


@pattern(
    "fraud",
    key="user_id",
    within=WINDOW.total_seconds(),
    lateness=LATENESS.total_seconds(),
    of=[Seen(PaymentProcessed, times=3, status="failed")],
    keep=["order_id"],
    stream="user-",
)
def fraud(match: Match) -> FraudSuspected:
    """Suspect fraud when a user's payments failed three times within a minute."""
    return FraudSuspected(
        user_id=int(match.key),
        order_ids=match.values("order_id"),
        first_at=match.seen[0].at,
        last_at=match.seen[-1].at,
    )
