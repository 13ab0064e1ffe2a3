"""Deliveries: one event for one processor, and the failed attempts at them."""

from __future__ import annotations

from typing import Any

from django.db import models

from flowdeck.declare.states import STORED, UNFINISHED, AttemptOutcome, DeliveryState, among
from flowdeck.models.event import Event


class Among(models.Lookup):
    """``state__among=UNFINISHED``: the states stand in the query itself, not as parameters.

    SQLite uses a partial index only for a query that has its condition word for word.
    """

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """``state IN ('pending', 'retrying')``, or ``state = 'dead'``."""
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} {among(*self.rhs)}", tuple(parameters)


class Delivery(models.Model):
    """One event for one processor.

    ``due_at`` is set only while retrying; a pending delivery is due at once. ``started_at`` and
    ``finished_at`` are those of the last attempt. ``fingerprint`` is that of the failure that made
    it a dead letter last, ``retried`` how often people retried it since. The index of what is due
    (partial, per database) is in the second migration.
    """

    event = models.ForeignKey(
        Event,
        on_delete=models.DO_NOTHING,
        db_column="position",
        db_constraint=False,  # events are never deleted; the check would cost every append
        db_index=False,
        related_name="deliveries",
    )
    processor = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    slot = models.PositiveSmallIntegerField()
    state = models.CharField(
        max_length=10,
        choices=[(state, state.capitalize()) for state in STORED],
        default=DeliveryState.PENDING,
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    fingerprint = models.CharField(max_length=32, db_default="")
    retried = models.PositiveSmallIntegerField(db_default=0)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["event", "processor"], name="flowdeck_delivery_once")
        ]
        indexes = [
            models.Index(
                fields=["fingerprint", "key", "processor", "id", "finished_at", "retried"],
                condition=models.Q(state=DeliveryState.DEAD),
                name="flowdeck_delivery_dead_group",
            ),
            models.Index(
                fields=["processor", "key", "event", "fingerprint", "finished_at", "retried"],
                condition=models.Q(state=DeliveryState.DEAD),
                name="flowdeck_delivery_dead_key",
            ),
            models.Index(
                fields=["finished_at", "fingerprint", "processor"],
                condition=models.Q(state=DeliveryState.DEAD),
                name="flowdeck_delivery_dead_at",
            ),
            models.Index(
                fields=["fingerprint", "processor", "id"],
                condition=models.Q(state__in=list(UNFINISHED), retried__gt=0),
                name="flowdeck_delivery_retried",
            ),
        ]

    def __str__(self) -> str:
        """Processor, position and state."""
        return f"{self.processor} on {self.event_id}: {self.state}"


Delivery._meta.get_field("state").register_lookup(Among)


class Attempt(models.Model):
    """One failed try at a delivery, kept with its error and traceback."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="failures")
    number = models.PositiveSmallIntegerField()
    outcome = models.CharField(
        max_length=8, choices=[(one, one.capitalize()) for one in AttemptOutcome]
    )
    error = models.CharField(max_length=200)
    message = models.TextField()
    traceback = models.TextField()
    frame = models.CharField(max_length=300)
    fingerprint = models.CharField(max_length=32)
    worker = models.CharField(max_length=100)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()

    class Meta:
        ordering = ["delivery_id", "number"]

    def __str__(self) -> str:
        """Number and error."""
        return f"attempt {self.number}: {self.error}"
