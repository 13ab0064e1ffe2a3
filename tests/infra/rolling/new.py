"""The code after it: a new version and type, a processor renamed, with other lanes, two more."""

from typing import Any

from flowdeck import Delivery, Event, processor, upcaster
from tests.infra.rolling.models import see


class Parcel(Event, name="rolling.Parcel", version=2):
    """A parcel with its weight."""

    n: int
    grams: int


class Weighed(Event, name="rolling.Weighed", version=1):
    """What old code has never heard of."""

    n: int


@upcaster(Parcel, from_version=1, sample={"n": 1})
def weigh(data: dict[str, Any]) -> dict[str, Any]:
    """Nobody has weighed it."""
    return {**data, "grams": 0}


@processor("post", was=["mailer"], lanes=2)
def mail(event: Parcel, delivery: Delivery) -> None:
    """Write a letter, by another name."""
    see(delivery)


@processor("newcomer")
def count(event: Parcel | Weighed, delivery: Delivery) -> None:
    """Hear what both codes publish."""
    see(delivery)


@processor("historian", starts="beginning")
def remember(event: Parcel, delivery: Delivery) -> None:
    """Hear all there ever was."""
    see(delivery)


def made(n: int) -> Event:
    """What this code publishes."""
    return Weighed(n=n) if n % 5 == 0 else Parcel(n=n, grams=n)
