"""Deliveries written past the engine: what a test wants to find in the tables."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import QuerySet

from flowdeck.declare.registry import slot_of
from flowdeck.models import Delivery, Done, Due
from flowdeck.sql import dialect

_OF_DUE = ("key", "slot", "state", "due_at")
_OF_BOTH = (
    "event_id",
    "processor",
    "attempts",
    "retried",
    "started_at",
    "finished_at",
    "letter",
    "fingerprint",
)


def store(**fields: Any) -> Delivery:
    """Write one delivery with these fields, into the table that its state belongs to."""
    event = fields.pop("event", None)
    position = event.pk if event else fields["event_id"]
    known: dict[str, Any] = {"event_id": position, **fields}
    if known.get("state") == "done":
        with connection.cursor() as cursor:
            dialect().make_partitions(cursor, [position])
        Done.objects.create(**{name: known[name] for name in _OF_BOTH if name in known})
    else:
        known.setdefault("key", "k")
        known.setdefault("slot", slot_of(known["key"]))
        if known.get("state") == "dead" and known.get("letter") is None:
            known["letter"] = 1 + max(_letters(), default=0)
        Due.objects.create(**known)
    return Delivery.objects.get(event_id=position, processor=known["processor"])


def change(chosen: QuerySet[Delivery], **fields: Any) -> None:
    """Make the chosen deliveries something else, wherever that puts them."""
    for row in list(chosen.select_related("event")):
        known = {name: getattr(row, name) for name in (*_OF_BOTH, *_OF_DUE)}
        known["key"] = row.key or row.event.key
        known["slot"] = slot_of(known["key"])
        remove(Delivery.objects.filter(pk=row.pk))
        store(**{**known, **fields})


def remove(chosen: QuerySet[Delivery]) -> None:
    """Take the chosen deliveries away."""
    for position, processor in list(chosen.values_list("event_id", "processor")):
        for table in (Due, Done):
            table.objects.filter(event_id=position, processor=processor).delete()


def _letters() -> list[int]:
    found = Delivery.objects.filter(letter__isnull=False).values_list("letter", flat=True)
    return [number for number in found if number is not None]
