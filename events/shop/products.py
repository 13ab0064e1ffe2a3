"""Products as the shop shows them: with their picture, their stock and what was typed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from events.models import Product

PICTURES = (
    ("lamp", "lamp", "c2"),
    ("mug", "mug", "c0"),
    ("note", "notebook", "c6"),
    ("headphone", "headphones", "c7"),
    ("backpack", "backpack", "c5"),
    ("bag", "backpack", "c5"),
    ("fern", "plant", "c3"),
    ("plant", "plant", "c3"),
)
"""Part of the product's name, its drawing in templates/shop/art/, its hue."""


@dataclass(frozen=True, slots=True)
class Card:
    """One product. ``available`` is None while the stock is unknown."""

    sku: str
    name: str
    price: Decimal
    available: int | None
    art: str
    hue: str
    key: UUID
    quantity: str = "1"
    error: str = ""


def cards(refused: Any = None) -> list[Card]:
    """All products on sale; the one of a refused order with what was typed and the reason."""
    return [_card(product, refused) for product in Product.on_sale()]


def _card(product: Any, refused: Any) -> Card:
    name = product.name.lower()
    picture = next(((art, hue) for part, art, hue in PICTURES if part in name), ("parcel", "c8"))
    own = refused is not None and refused.sku == product.sku and not refused.from_scenarios
    return Card(
        sku=product.sku,
        name=product.name,
        price=product.price,
        available=product.stock,
        art=f"shop/art/{picture[0]}.html",
        hue=picture[1],
        key=uuid4(),
        quantity=refused.quantity if own else "1",
        error=refused.message if own else "",
    )
