"""What the shop sells, and what customers asked for."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from events.models.read_models import StockLevel


class Product(models.Model):
    """Something to buy."""

    sku = models.SlugField(max_length=40, primary_key=True)
    name = models.CharField(max_length=80)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["order", "sku"]

    def __str__(self) -> str:
        """Name."""
        return self.name

    @classmethod
    def on_sale(cls) -> models.QuerySet[Any, Any]:
        """All products with ``stock``: the pieces for sale, None while they are not counted yet.

        Below zero, what was taken is known before what had arrived.
        """
        counted = StockLevel.objects.filter(sku=models.OuterRef("sku"), available__gte=0)
        level = counted.values("available")
        return cls.objects.annotate(stock=models.Subquery(level))


class Checkout(models.Model):
    """One accepted request to order: its id is the order's, its key makes it count once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    idempotency_key = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    correlation_id = models.UUIDField(unique=True)

    class Meta:
        permissions = [("place_orders", "Can place orders")]
        constraints = [
            models.UniqueConstraint(fields=["user", "idempotency_key"], name="checkout_once")
        ]

    def __str__(self) -> str:
        """The order it became."""
        return f"checkout of order {self.pk}"
