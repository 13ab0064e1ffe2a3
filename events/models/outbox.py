"""Messages to customers."""

from __future__ import annotations

from django.db import models


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
