"""``manage.py check`` names what is missing around the engine, and what to do."""

from __future__ import annotations

from django.core import checks
from django.test import override_settings


def warnings() -> set[str | None]:
    return {message.id for message in checks.run_checks(tags=["events"])}


def test_nothing_is_missing_here() -> None:
    assert warnings() == set()


@override_settings(CHANNEL_LAYERS={})
def test_a_missing_channel_layer_is_named() -> None:
    assert warnings() == {"events.W002"}


@override_settings(EVENTS={})
def test_a_missing_redis_is_named() -> None:
    assert "events.W001" in warnings()
