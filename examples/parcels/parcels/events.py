"""What happens to parcels. A tenant's events keep their order."""

from typing import Annotated

from flowdeck import Event, Personal


class OfTenant(Event, abstract=True):
    """What all of them say."""

    tenant: str
    parcel: int


class ParcelAnnounced(OfTenant, name="parcels.announced", was=["ParcelAnnounced"], key="tenant"):
    """Somebody wants it to be sent."""

    weight: int
    recipient: Annotated[str, Personal(subject="parcel")] = ""


class LabelBought(OfTenant, name="parcels.label-bought", key="tenant"):
    """The carrier will take it."""

    label: str


class ParcelDelivered(OfTenant, name="parcels.delivered", key="tenant"):
    """It arrived."""


class DeliveryOverdue(OfTenant, name="parcels.overdue", key="tenant"):
    """It did not arrive in time."""


class ParcelInvoiced(OfTenant, name="parcels.invoiced", key="tenant"):
    """Invoicing, a project of its own, wrote an invoice."""

    invoice: str
