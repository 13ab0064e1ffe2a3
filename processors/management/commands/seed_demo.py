"""``manage.py seed_demo``: accounts and products to try things out with. Safe to repeat."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from events import Draft, publish
from processors.domain_events import InventoryReplenished
from processors.models import Product

ROLES = ("customer", "viewer", "operator", "teacher", "admin")
PRODUCTS = (
    ("desk-lamp", "Desk lamp", "59.00", 400),
    ("mug", "Mug", "14.00", 900),
    ("notebook", "Notebook", "9.50", 1200),
    ("headphones", "Headphones", "129.00", 150),
    ("backpack", "Backpack", "89.00", 200),
    ("fern", "Fern", "22.00", 60),
)


class Command(BaseCommand):
    """Create demo accounts (demo mode only), roles and products."""

    help = "Create the demo's accounts, roles and products; what is there already is left alone."

    def handle(self, **options: Any) -> None:
        """Run the command."""
        if not settings.DEMO:
            raise CommandError("Demo data exists in demo mode only (FLOWDECK_DEMO=1).")
        with transaction.atomic():
            for role in ROLES:
                Group.objects.get_or_create(name=role)
            for account in settings.DEMO_ACCOUNTS:
                _create_account(account)
            _create_products()


def _create_account(name: str) -> None:
    user, created = get_user_model().objects.get_or_create(username=name)
    if created:
        user.set_password(settings.DEMO_PASSWORD)
        user.save()
    user.groups.add(Group.objects.get(name=name))


def _create_products() -> None:
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
