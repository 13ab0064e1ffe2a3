"""Reading what was stored: versions and upcasting."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import checks
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from flowdeck import load, read_stream
from flowdeck.declare.registry import Subscription, registry, slot_of
from flowdeck.declare.upcasting import gaps
from flowdeck.errors import InvalidPayload, UnknownEventType, UnknownVersion
from flowdeck.models import Delivery
from flowdeck.sql import EventRow, dialect
from flowdeck.testing import settle
from tests.probe.events import Renamed

pytestmark = pytest.mark.django_db(transaction=True)


def store(type_name: str, version: int, data: dict[str, Any], processor: str = "") -> None:
    """Put an event into the log as older, newer or other code would have."""
    now = datetime.now(UTC)
    row = EventRow(
        uuid7(),
        "old-1",
        1,
        type_name,
        version,
        json.dumps(data),
        "{}",
        "old-1",
        slot_of("old-1"),
        uuid7(),
        None,
        "old code",
        now,
    )
    with transaction.atomic(), connection.cursor() as cursor:
        fan_out = [Subscription(type_name, processor, "")] if processor else []
        dialect().append(cursor, [row], fan_out)


def test_old_versions_are_upcast_step_by_step() -> None:
    store("Renamed", 1, {"title": "lamp"})
    (stored,) = read_stream("old-1")
    assert load(stored) == Renamed(name="lamp", size=0)
    assert stored.payload == {"title": "lamp"}  # what is stored stays as it was


@pytest.mark.parametrize(
    ("type_name", "version", "data", "error", "message"),
    [
        ("Renamed", 4, {}, UnknownVersion, "newer than this code's 3"),
        ("Vanished", 1, {}, UnknownEventType, "not declared"),
        ("Renamed", 3, {"name": "lamp"}, InvalidPayload, "size: Field required"),
    ],
)
def test_what_this_code_can_not_read_becomes_a_dead_letter_with_the_reason(
    type_name: str,
    version: int,
    data: dict[str, Any],
    error: type[Exception],
    message: str,
    settings: Any,
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "UNKNOWN_KEPT_HOURS": 0}
    store(type_name, version, data, processor="probe.renamed")
    (stored,) = read_stream("old-1")
    with pytest.raises(error, match=message):
        load(stored)
    settle()
    delivery = Delivery.objects.get()
    assert delivery.state == "dead"
    assert message in delivery.failures.order_by("-number")[0].message


def test_a_gap_in_a_chain_is_named() -> None:
    assert gaps() == []
    declared = registry.event_types["Renamed"]
    object.__setattr__(declared, "version", 5)
    try:
        assert gaps() == [
            "Renamed is at version 5 but has no upcaster from 3.",
            "Renamed is at version 5 but has no upcaster from 4.",
        ]
        errors = checks.run_checks(tags=["flowdeck"])
        assert [message.id for message in errors].count("flowdeck.E002") == 2
    finally:
        object.__setattr__(declared, "version", 3)
