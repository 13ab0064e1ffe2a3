"""Products as the shop shows them: with their picture, their stock and what was typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

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
    """One product. ``available`` is None while the stock is unknown; ``quantity`` was typed."""

    sku: str
    name: str
    price: Decimal
    available: int | None
    art: str
    hue: str
    quantity: str = "0"


def cards(typed: Mapping[str, str] | None = None) -> list[Card]:
    """All products on sale; ``typed`` is how many of which were asked for by a refused order."""
    return [_card(product, typed or {}) for product in Product.on_sale()]


def _card(product: Any, typed: Mapping[str, str]) -> Card:
    name = product.name.lower()
    picture = next(((art, hue) for part, art, hue in PICTURES if part in name), ("parcel", "c8"))
    return Card(
        sku=product.sku,
        name=product.name,
        price=product.price,
        available=product.stock,
        art=f"shop/art/{picture[0]}.html",
        hue=picture[1],
        quantity=typed.get(product.sku, "0"),
    )
