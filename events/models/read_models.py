"""Read models: written by projections only; they can be rebuilt from the log."""

from __future__ import annotations

from django.db import models
from django.db.models import F


class OrderSummary(models.Model):
    """An order as the pages show it, from the events of its stream alone."""

    class Status(models.TextChoices):
        """Where an order stands."""

        OPEN = "open"
        CONFIRMED = "confirmed"
        CANCELLED = "cancelled"

    order_id = models.BigIntegerField(primary_key=True)
    user_id = models.BigIntegerField()
    correlation_id = models.UUIDField()
    reference = models.CharField(max_length=100)
    scenario = models.CharField(max_length=40, default="")
    items = models.JSONField()
    total = models.DecimalField(max_digits=10, decimal_places=2)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    reason = models.CharField(max_length=300, default="")
    payment = models.CharField(max_length=10, default="")
    stock = models.CharField(max_length=10, default="")
    placed_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True)
    reserved_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    refunded_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)
    notified_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(F("user_id"), F("order_id").desc(), name="orders_of_user")]

    def __str__(self) -> str:
        """Stream and status."""
        return f"order-{self.order_id}: {self.status}"


class StockLevel(models.Model):
    """How many pieces of a product are for sale."""

    sku = models.CharField(max_length=40, primary_key=True)
    available = models.IntegerField(default=0)

    def __str__(self) -> str:
        """Product and pieces."""
        return f"{self.sku}: {self.available}"


class Sales(models.Model):
    """What was sold on a day."""

    day = models.DateField()
    sku = models.CharField(max_length=40)
    quantity = models.BigIntegerField(default=0)
    revenue = models.DecimalField(max_digits=14, decimal_places=2, default=0)

    class Meta:
        verbose_name_plural = "sales"
        constraints = [models.UniqueConstraint(fields=["day", "sku"], name="sales_of_day")]

    def __str__(self) -> str:
        """Day, product and pieces."""
        return f"{self.day} {self.sku}: {self.quantity}"
