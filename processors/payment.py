"""``payment``: takes the money for an order, and gives it back if the order is cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from events import scenarios
from events.domain_events import (
    OrderCancelled,
    OrderCreated,
    PaymentProcessed,
    PaymentRefunded,
    PaymentRequested,
    RefundRequested,
)
from flowdeck import Delivery, Draft, Retry, processor, publish
from processors import gateway


class MalformedPayment(Exception):
    """The provider's answer makes no sense, and never will."""


@processor("payment", retry=Retry(max_attempts=5, base=0.5, cap=30.0), atomic=False)
def payment(
    event: OrderCreated | PaymentRequested | OrderCancelled | RefundRequested, delivery: Delivery
) -> PaymentProcessed | PaymentRefunded | None:
    """Charge the customer through the payment provider; refund cancelled orders."""
    if isinstance(event, OrderCreated | PaymentRequested):
        return _charge(event, delivery)
    refunded = gateway.refund(event.order_id, key=delivery.idempotency_key)
    if refunded is None:
        return None
    amount, reference = refunded
    return PaymentRefunded(order_id=event.order_id, amount=amount, provider_ref=reference)


def _charge(event: OrderCreated | PaymentRequested, delivery: Delivery) -> PaymentProcessed | None:
    fault = scenarios.scenario(event.scenario)
    if fault.poison:
        raise MalformedPayment(f"can't read the card of order {event.order_id}: not a number")
    answer = gateway.charge(event.order_id, event.total, key=delivery.idempotency_key, fault=fault)
    processed = PaymentProcessed(
        order_id=event.order_id,
        amount=event.total,
        status="failed" if answer.declined else "success",
        reason=answer.declined,
        provider_ref=answer.reference,
        user_id=event.user_id,
    )
    if not fault.reported_late:
        return processed
    happened = datetime.now(UTC) - timedelta(seconds=fault.reported_late)
    publish(Draft(processed, occurred_at=happened))
    return None
