"""What the processors keep: charges, stock, reservations, messages sent."""

from __future__ import annotations

from django.db import models


class Charge(models.Model):
    """The payment provider's own ledger: it is outside of the shop, and commits by itself."""

    idempotency_key = models.CharField(max_length=120, primary_key=True)
    order_id = models.BigIntegerField(db_index=True)
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    declined = models.CharField(max_length=200, default="", help_text="why, if it was declined")
    reference = models.CharField(max_length=40)
    refunded = models.BooleanField(default=False)
    refund_key = models.CharField(max_length=120, default="", help_text="what it was asked by")

    def __str__(self) -> str:
        """Reference and amount."""
        return f"{self.reference}: {self.amount}"


class ProviderCall(models.Model):
    """How often the provider was called with a key while an outage was simulated for it."""

    idempotency_key = models.CharField(max_length=120, primary_key=True)
    count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        """Key and count."""
        return f"{self.idempotency_key}: {self.count}"


class Stock(models.Model):
    """What the warehouse can still give away. The database itself refuses to go below zero."""

    sku = models.CharField(max_length=40, primary_key=True)
    available = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(available__gte=0), name="stock_not_oversold")
        ]

    def __str__(self) -> str:
        """Product and pieces."""
        return f"{self.sku}: {self.available}"


class Reservation(models.Model):
    """Items set aside for an order."""

    order_id = models.BigIntegerField(primary_key=True)
    items = models.JSONField()
    released = models.BooleanField(default=False)

    def __str__(self) -> str:
        """The order."""
        return f"reservation for order {self.order_id}"
