"""``notification``: tells the customer how the order went. The outbox table is the mail service."""

from __future__ import annotations

from events.domain_events import NotificationSent, OrderCancelled, OrderConfirmed
from events.models import Notification
from events.money import money
from flowdeck import Delivery, processor


@processor("notification", batch=True, emits=(NotificationSent,))
def notification(events: list[OrderConfirmed | OrderCancelled], deliveries: list[Delivery]) -> None:
    """Put a message into the outbox for each order that was decided."""
    messages = []
    for event, delivery in zip(events, deliveries, strict=True):
        message = _message(event)
        message.sent_at = delivery.envelope.recorded_at
        messages.append(message)
        delivery.emit(
            NotificationSent(
                order_id=event.order_id, user_id=event.user_id, subject=message.subject
            )
        )
    Notification.objects.bulk_create(messages)


def _message(event: OrderConfirmed | OrderCancelled) -> Notification:
    if isinstance(event, OrderConfirmed):
        subject = f"Order {event.order_id} is confirmed"
        body = f"Thank you. {money(event.total)} was charged, and your items are on their way."
    else:
        subject = f"Order {event.order_id} was cancelled"
        body = f"{event.reason} You have not been charged, or the money is on its way back."
    return Notification(order_id=event.order_id, user_id=event.user_id, subject=subject, body=body)
