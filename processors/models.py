"""The shop's tables: what it sells, what its processors keep, and its read models.

Read models are written by projections only, and can be rebuilt from the log.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Coalesce


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
        """All products with ``stock``, the pieces available according to the read model."""
        level = StockLevel.objects.filter(sku=models.OuterRef("sku")).values("available")
        return cls.objects.annotate(stock=Coalesce(models.Subquery(level), Value(0)))


class Checkout(models.Model):
    """One accepted request to order: its id is the order's, its key makes it count once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    idempotency_key = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    correlation_id = models.UUIDField(unique=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "idempotency_key"], name="checkout_once")
        ]

    def __str__(self) -> str:
        """The order it became."""
        return f"checkout of order {self.pk}"


# What the processors keep -----------------------------------------------------


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


class Mediation(models.Model):
    """Where the mediator stands with an order: what it waits for, and what is to be undone."""

    class Step(models.TextChoices):
        """What it waits for, or how it ended."""

        RESERVING = "reserving"
        PAYING = "paying"
        RELEASING = "releasing"
        CONFIRMED = "confirmed"
        CANCELLED = "cancelled"

    ENDS = (Step.CONFIRMED, Step.CANCELLED)

    order_id = models.BigIntegerField(primary_key=True)
    user_id = models.BigIntegerField()
    total = models.DecimalField(max_digits=10, decimal_places=2)
    items = models.JSONField()
    scenario = models.CharField(max_length=40, default="")
    step = models.CharField(max_length=10, choices=Step.choices, default=Step.RESERVING)
    reason = models.CharField(max_length=300, default="")

    def __str__(self) -> str:
        """The order and the step."""
        return f"order {self.order_id}: {self.step}"

    @property
    def ended(self) -> bool:
        """Whether the order is decided."""
        return self.step in self.ENDS


class Notification(models.Model):
    """The outbox: a message to a customer, as it was sent."""

    order_id = models.BigIntegerField()
    user_id = models.BigIntegerField(db_index=True)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["order_id", "subject"], name="notified_once")
        ]

    def __str__(self) -> str:
        """Subject."""
        return self.subject


class FraudWatch(models.Model):
    """The failed payments of a user that may still become a suspicion, by event time."""

    user_id = models.BigIntegerField(primary_key=True)
    failures = models.JSONField(default=list, help_text="order and moment of each")
    too_late = models.PositiveIntegerField(default=0, help_text="came after their window closed")

    def __str__(self) -> str:
        """User and number of failures."""
        return f"user {self.user_id}: {len(self.failures)} failed payments"


class SwitchedFault(models.Model):
    """A fault that somebody switched on for their own orders, for teaching (demo mode only)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    processor = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    amount = models.PositiveIntegerField(default=0)
    trace = models.UUIDField(null=True, help_text="the only trace that feels it; none: all")
    began_at = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        """Kind and processor."""
        return f"{self.kind} of {self.processor} ({self.amount})"


# The lab --------------------------------------------------------------------------


class LabRun(models.Model):
    """One experiment of a learner. ``facts`` names what it set off; the rest is in the log."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    lesson = models.CharField(max_length=40)
    trace = models.UUIDField(unique=True, help_text="the trace of what it published itself")
    choice = models.CharField(max_length=40, default="")
    facts = models.JSONField(default=dict)
    began_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["user", "lesson", "-id"], name="runs_of_learner")]

    def __str__(self) -> str:
        """Lesson and learner."""
        return f"{self.lesson} by {self.user}"


class LabProgress(models.Model):
    """What a learner answered to the question of a lesson."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    lesson = models.CharField(max_length=40)
    right = models.BooleanField()
    tries = models.PositiveIntegerField(default=0)
    answered_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "lab progress"
        constraints = [
            models.UniqueConstraint(fields=["user", "lesson"], name="one_answer_a_lesson")
        ]

    def __str__(self) -> str:
        """Lesson and whether it is done."""
        return f"{self.lesson}: {'right' if self.right else 'wrong'}"


class LabBalance(models.Model):
    """What a sandboxed processor believes to have been paid in during a run."""

    run_id = models.BigIntegerField()
    processor = models.CharField(max_length=64)
    amount = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run_id", "processor"], name="one_balance_a_run")
        ]

    def __str__(self) -> str:
        """Processor and amount."""
        return f"{self.processor}: {self.amount}"


class LabAccount(models.Model):
    """What is in the account of a run, and how many moves of money that took: a read model."""

    run_id = models.BigIntegerField(primary_key=True)
    balance = models.IntegerField(default=0)
    moves = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        """Run and balance."""
        return f"account of run {self.run_id}: {self.balance}"


class LabSeen(models.Model):
    """Idempotency keys that a sandboxed processor has seen."""

    key = models.CharField(max_length=120, primary_key=True)

    def __str__(self) -> str:
        """The key."""
        return self.key


# Read models --------------------------------------------------------------------


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
