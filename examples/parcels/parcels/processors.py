"""What follows from what."""

from datetime import timedelta

from flowdeck import Delivery, Reject, Retry, processor, projection
from parcels import carrier
from parcels.events import (
    DeliveryOverdue,
    LabelBought,
    ParcelAnnounced,
    ParcelDelivered,
    ParcelInvoiced,
)
from parcels.models import ParcelStatus

HEAVIEST = 31_500
IN_TIME = timedelta(hours=48)


@processor("parcels.label", atomic=False, timeout=20, retry=Retry(max_attempts=8, base=2.0))
def buy_label(event: ParcelAnnounced, delivery: Delivery) -> LabelBought:
    """Buy the label outside; asked again after a crash, the carrier sells no second one."""
    if event.weight > HEAVIEST:
        raise Reject(f"{event.weight} g is too heavy; the carrier takes {HEAVIEST} g.")
    label = carrier.buy_label(event.parcel, event.weight, key=delivery.idempotency_key)
    return LabelBought(tenant=event.tenant, parcel=event.parcel, label=label)


@processor("parcels.deadline", emits=[DeliveryOverdue])
def watch(event: LabelBought | ParcelDelivered, delivery: Delivery) -> None:
    """Say so if a parcel is not there in time."""
    if isinstance(event, ParcelDelivered):
        delivery.cancel("overdue")
        return
    late = DeliveryOverdue(tenant=event.tenant, parcel=event.parcel)
    delivery.emit(late, in_=IN_TIME.total_seconds(), timer="overdue")


@projection("parcels.status", model=ParcelStatus)
def show(
    event: ParcelAnnounced | LabelBought | ParcelDelivered | DeliveryOverdue | ParcelInvoiced,
) -> None:
    """How far each parcel is."""
    match event:
        case ParcelAnnounced():
            ParcelStatus.objects.create(tenant=event.tenant, parcel=event.parcel)
        case LabelBought():
            _set(event.parcel, status="labelled", label=event.label)
        case ParcelDelivered():
            _set(event.parcel, status="delivered")
        case DeliveryOverdue():
            _set(event.parcel, status="overdue")
        case ParcelInvoiced():
            _set(event.parcel, invoice=event.invoice)


def _set(parcel: int, **fields: str) -> None:
    ParcelStatus.objects.filter(parcel=parcel).update(**fields)
