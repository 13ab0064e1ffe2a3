"""What parcels, a project of its own, tells over RabbitMQ, and what it is answered."""

from flowdeck import CloudEvent, Draft, inlet, outlet
from invoices.events import InvoiceIssued, LabelReported


@inlet("labels", broker="rabbit", source="parcels.labels")
def reported(message: CloudEvent) -> Draft | None:
    """Take note of a label that was bought."""
    if message.type != "parcels.label-bought":
        return None
    told = message.data
    event = LabelReported(customer=told["tenant"], parcel=told["parcel"], label=told["label"])
    return Draft(event, stream=f"invoice-{event.parcel}")


outlet("invoices", broker="rabbit", to="invoices.issued", types=[InvoiceIssued])
