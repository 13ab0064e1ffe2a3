"""What invoicing, a project of its own, is told over RabbitMQ, and what it answers."""

from flowdeck import CloudEvent, Draft, inlet, outlet
from parcels.events import LabelBought, ParcelInvoiced

outlet("labels", broker="rabbit", to="parcels.labels", types=[LabelBought])


@inlet("invoices", broker="rabbit", source="invoices.issued")
def invoiced(message: CloudEvent) -> Draft | None:
    """Note the invoice of a parcel."""
    if message.type != "invoices.issued":
        return None
    told = message.data
    event = ParcelInvoiced(tenant=told["customer"], parcel=told["parcel"], invoice=told["number"])
    return Draft(event, stream=f"parcel-{event.parcel}")
