"""The probe's processors: one for each way of running a handler."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import date

from flowdeck import (
    Delivery,
    Event,
    Reject,
    Retry,
    Snooze,
    eraser,
    processor,
    projection,
    upcaster,
)
from tests.probe.events import Echoed, Introduced, Keyed, Probed, Renamed, Told
from tests.probe.models import Contact, Effect, Tally

AT_ONCE = Retry(max_attempts=3, base=0.0)


class ProbeError(Exception):
    """The failure that an event asked for."""


def behave(event: Probed, delivery: Delivery) -> None:
    """Fail, reject or die as the event says."""
    if event.dies == delivery.processor:
        os._exit(9)
    if event.rejects == delivery.processor:
        raise Reject("the event says so")
    if event.fails >= delivery.attempt and event.by in ("", delivery.processor):
        raise ProbeError(f"attempt {delivery.attempt} of {event.n}")


def effect(delivery: Delivery) -> Effect:
    """The row that a handler writes for a delivery."""
    envelope = delivery.envelope
    return Effect(
        processor=delivery.processor,
        stream=envelope.stream,
        sequence=envelope.sequence,
        position=envelope.position,
        attempt=delivery.attempt,
    )


@processor("probe.atomic", retry=AT_ONCE)
def atomic(event: Probed, delivery: Delivery) -> Iterator[Event]:
    """Write first, then behave: what was written must be gone if it fails."""
    effect(delivery).save()
    behave(event, delivery)
    for n in range(event.echoes):
        yield Echoed(n=n, by=delivery.processor)


@processor("probe.told", retry=AT_ONCE)
def told(event: Told) -> None:
    """Fail, and give away in the error whom the event is about."""
    raise ProbeError(f"no mailbox {event.email!r} of user {event.user_id}, {event.notes}")


@processor("probe.leased", retry=AT_ONCE, atomic=False)
def leased(event: Probed, delivery: Delivery) -> Iterator[Event]:
    """Call the outside world, as a payment would."""
    behave(event, delivery)
    for n in range(event.echoes):
        yield Echoed(n=n, by=delivery.processor)


@processor("probe.batch", retry=AT_ONCE, batch=True)
def batch(events: list[Probed], deliveries: list[Delivery]) -> None:
    """Set-based: one INSERT for all."""
    Effect.objects.bulk_create([effect(delivery) for delivery in deliveries])
    for event, delivery in zip(events, deliveries, strict=True):
        behave(event, delivery)
        for n in range(event.echoes):
            delivery.emit(Echoed(n=n, by=delivery.processor))


@processor("probe.skipping", retry=Retry(max_attempts=1), on_dead="skip")
def skipping(event: Probed, delivery: Delivery) -> None:
    """Its dead letters hold nothing back."""
    effect(delivery).save()
    behave(event, delivery)


snoozed = Counter[str]()


@processor("probe.snoozing", retry=Retry(max_attempts=1))
def snoozing(event: Keyed, delivery: Delivery) -> None:
    """Keyed by owner; puts off what has an odd number, once: in its batch, and then by itself."""
    if event.n % 2 and snoozed[delivery.idempotency_key] < 2:
        snoozed[delivery.idempotency_key] += 1
        raise Snooze(0)
    effect(delivery).save()


@processor("probe.renamed")
def renamed(event: Renamed, delivery: Delivery) -> None:
    """Needs the newest version."""
    effect(delivery).save()


@projection("probe.tally", model=Tally, batch=True)
def tally(events: list[Probed], deliveries: list[Delivery]) -> None:
    """A read model."""
    for delivery in deliveries:
        row, _ = Tally.objects.get_or_create(stream=delivery.envelope.stream)
        row.count += 1
        row.save()


@projection("probe.contacts", model=Contact)
def contacts(event: Introduced) -> None:
    """Who is known."""
    Contact.objects.update_or_create(
        user_id=event.user_id, defaults={"email": event.email, "born": event.born}
    )


@eraser("probe.contacts")
def erase_contact(subject: str) -> int:
    """What a replay would give."""
    return Contact.objects.filter(user_id=subject).update(email="", born=date(1, 1, 1))


@upcaster(Introduced, from_version=1, sample={"user_id": 1, "mail": "a@example.org"})
def mail_to_email(data: dict) -> dict:
    """Version 2 calls the mail email."""
    return {"user_id": data["user_id"], "email": data["mail"]}


@upcaster(Renamed, from_version=1, sample={"title": "lamp"})
def with_size(data: dict) -> dict:
    """Version 2 knows the size."""
    return {**data, "size": 0}


@upcaster(Renamed, from_version=2, sample={"title": "lamp", "size": 3}, renames={"title": "name"})
def title_to_name(data: dict) -> dict:
    """Version 3 calls the title name."""
    return {"name": data["title"], "size": data["size"]}
