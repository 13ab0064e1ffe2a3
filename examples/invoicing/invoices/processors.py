"""What follows from what."""

from flowdeck import processor
from invoices.events import InvoiceIssued, LabelReported


@processor("invoices.issue")
def issue(event: LabelReported) -> InvoiceIssued:
    """Write the invoice of a label."""
    return InvoiceIssued(customer=event.customer, parcel=event.parcel, number=f"I-{event.label}")
