"""``manage.py add_product SKU NAME PRICE``: something new to buy, or more of what there is."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from events.domain_events import InventoryReplenished
from events.models import Product
from events.money import money
from flowdeck import publish


class Command(BaseCommand):
    """Put a product up for sale and pieces of it into the stock."""

    help = "Put a product up for sale, or change its name and price; --pieces adds to its stock."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("sku", help="letters, digits, - and _")
        parser.add_argument("name")
        parser.add_argument("price", type=_price)
        parser.add_argument("--pieces", type=_pieces, default=0, help="how many came in")

    def handle(self, *, sku: str, name: str, price: Decimal, pieces: int, **_: Any) -> None:
        """Run the command."""
        product = Product.objects.filter(sku=sku).first() or Product(sku=sku)
        new = product._state.adding
        product.name, product.price = name, price
        try:
            product.full_clean(validate_unique=False)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        with transaction.atomic():
            product.save()
            if pieces:
                arrived = InventoryReplenished(sku=sku, quantity=pieces)
                publish(arrived, stream=f"product-{sku}", producer="warehouse")
        said = "is for sale" if new else "was changed"
        self.stdout.write(f"{name} ({sku}) {said} at {money(price)}; {pieces} pieces came in.")


def _price(text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(text) from error
    if not price.is_finite() or price <= 0:
        raise ValueError(text)
    return price


def _pieces(text: str) -> int:
    pieces = int(text)
    if pieces < 0:
        raise ValueError(text)
    return pieces
