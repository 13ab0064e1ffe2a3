"""What happens to invoices."""

from flowdeck import Event


class LabelReported(Event, name="invoices.label-reported"):
    """Parcels has bought a label, which costs something."""

    customer: str
    parcel: int
    label: str


class InvoiceIssued(Event, name="invoices.issued"):
    """It is on its way."""

    customer: str
    parcel: int
    number: str
