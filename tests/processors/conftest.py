"""A shop with products on the shelf and a customer."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from events.domain_events import InventoryReplenished
from events.models import Product
from flowdeck import publish
from flowdeck.testing import settle
from processors import gateway


@pytest.fixture(autouse=True)
def demo(settings: object) -> None:
    """Scenarios exist in demo mode only."""
    settings.DEMO = True  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _a_provider_without_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it answers is tested here; how long it takes only keeps everybody waiting."""
    monkeypatch.setattr(gateway, "_take_time", lambda seconds: None)


@pytest.fixture
def customer() -> User:
    return User.objects.create_user("customer")


@pytest.fixture
def shelf() -> None:
    """Ten mugs and three lamps, arrived as events."""
    for sku, name, price, pieces in [("mug", "Mug", "14.00", 10), ("lamp", "Lamp", "59.00", 3)]:
        Product.objects.create(sku=sku, name=name, price=Decimal(price))
        publish(InventoryReplenished(sku=sku, quantity=pieces), stream=f"product-{sku}")
    settle()
