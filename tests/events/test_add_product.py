"""``manage.py add_product``: a shop that is no demo gets its products."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from events.models import Product
from flowdeck.testing import settle

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_product_is_for_sale_with_its_pieces() -> None:
    call_command("add_product", "mug", "Mug", "14.00", "--pieces", "9")
    call_command("add_product", "mug", "Large mug", "15.50", "--pieces", "2")
    settle()
    product = Product.on_sale().get()
    assert (product.name, product.price, product.stock) == ("Large mug", Decimal("15.50"), 11)


@pytest.mark.parametrize(
    "words",
    [
        ("a b", "Mug", "14.00"),
        ("mug", "", "14.00"),
        ("mug", "Mug", "-1"),
        ("mug", "Mug", "NaN"),
        ("mug", "Mug", "1.234"),
        ("mug", "Mug", "14.00", "--pieces=-1"),
    ],
)
def test_what_is_no_product_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        call_command("add_product", *words)
    assert not Product.objects.exists()
