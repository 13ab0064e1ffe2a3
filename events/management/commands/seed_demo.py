"""``manage.py seed_demo``: accounts and products to try things out with. Safe to repeat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from uuid_utils.compat import uuid7

from events.domain_events import InventoryReplenished, stream_of
from events.models import Checkout, Product
from events.old_code import publish_old
from flowdeck import Draft, publish
from flowdeck.extend import group_of

PRODUCTS = (
    ("desk-lamp", "Desk lamp", "59.00", 400),
    ("mug", "Mug", "14.00", 900),
    ("notebook", "Notebook", "9.50", 1200),
    ("headphones", "Headphones", "129.00", 150),
    ("backpack", "Backpack", "89.00", 200),
    ("fern", "Fern", "22.00", 60),
)

OLD_CUSTOMER = "teacher"  # not the customer: their list is for what they order themselves


class Command(BaseCommand):
    """Create demo accounts (demo mode only) and products."""

    help = "Create the demo's accounts and products; what is there already is left alone."

    def handle(self, **options: Any) -> None:
        """Run the command."""
        if not settings.DEMO:
            raise CommandError("Demo data exists in demo mode only (FLOWDECK_DEMO=1).")
        call_command("flowdeck", "groups", stdout=StringIO())
        with transaction.atomic():
            for account in settings.DEMO_ACCOUNTS:
                _create_account(account)
            if _create_products():
                _create_old_orders()


def _create_account(name: str) -> None:
    user, created = get_user_model().objects.get_or_create(username=name)
    if created:
        user.email = f"{name}@example.org"
        user.set_password(settings.DEMO_PASSWORD)
        user.save()
    user.groups.add(Group.objects.get(name=group_of(name)))


def _create_products() -> bool:
    arrived = []
    for number, (sku, name, price, pieces) in enumerate(PRODUCTS):
        _, created = Product.objects.get_or_create(
            sku=sku, defaults={"name": name, "price": Decimal(price), "order": number}
        )
        if created:
            delivered = InventoryReplenished(sku=sku, quantity=pieces)
            arrived.append(Draft(delivered, stream=f"product-{sku}"))
    if arrived:
        publish(*arrived, producer="warehouse")
    return bool(arrived)


def _create_old_orders() -> None:
    """Orders of last week, when OrderCreated was at version 1: no currency in it."""
    reader = get_user_model().objects.get(username=OLD_CUSTOMER)
    for days, (sku, _, price, _) in zip((9, 8, 7), PRODUCTS, strict=False):
        checkout = Checkout.objects.create(
            user=reader, idempotency_key=f"old-{sku}", digest="", correlation_id=uuid7()
        )
        old = {
            "order_id": checkout.pk,
            "user_id": reader.pk,
            "total": price,
            "scenario": "",
            "items": [{"sku": sku, "quantity": 1, "price": price}],
            "reference": checkout.idempotency_key,
        }
        publish_old(
            stream=stream_of(checkout.pk),
            type_name="OrderCreated",
            version=1,
            data=old,
            producer="shop",
            correlation_id=checkout.correlation_id,
            occurred_at=datetime.now(UTC) - timedelta(days=days),
        )
