"""The code before the deploy."""

from flowdeck import Delivery, Event, processor
from tests.infra.rolling.models import see


class Parcel(Event, name="rolling.Parcel", version=1):
    """A parcel, as it was."""

    n: int


@processor("mailer", lanes=16)
def mail(event: Parcel, delivery: Delivery) -> None:
    """Write a letter."""
    see(delivery)


def made(n: int) -> Parcel:
    """What this code publishes."""
    return Parcel(n=n)
