"""``manage.py check`` names what is missing around the engine, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery import current_app
from django.core import checks
from django.test import override_settings


@pytest.fixture
def unknown_broker() -> Iterator[None]:
    """Celery is told of a broker it does not know."""
    known = current_app.conf.broker_url
    current_app.conf.broker_url = "carrier-pigeon://loft"
    yield
    current_app.conf.broker_url = known


def warnings() -> set[str | None]:
    return {message.id for message in checks.run_checks(tags=["flowdeck"])}


def test_nothing_is_missing_here() -> None:
    assert warnings() == set()


@override_settings(CHANNEL_LAYERS={})
def test_a_missing_channel_layer_is_named() -> None:
    assert warnings() == {"flowdeck.W002"}


@override_settings(FLOWDECK={})
def test_a_missing_redis_is_named() -> None:
    assert "flowdeck.W001" in warnings()


def test_a_broker_that_celery_does_not_know_is_named(unknown_broker: None) -> None:
    assert warnings() == {"flowdeck.E006"}
