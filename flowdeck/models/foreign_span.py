"""Spans that other programs recorded, of traces that ours may belong to."""

from __future__ import annotations

from django.db import models


class ForeignSpan(models.Model):
    """One span of OpenTelemetry that was sent to us. Nothing of it can be trusted.

    Ids are hex digits. ``attributes`` is a JSON object whose values are masked but those that the
    conventions make harmless. ``failed``: its status is that of an error.
    """

    trace_id = models.CharField(max_length=32)
    span_id = models.CharField(max_length=16)
    parent_id = models.CharField(max_length=16, default="")
    service = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10)
    failed = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    attributes = models.TextField(default="{}")
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trace_id", "span_id"], name="flowdeck_foreign_span")
        ]
        indexes = [models.Index(fields=["received_at"], name="flowdeck_span_received")]

    def __str__(self) -> str:
        """Service and name."""
        return f"{self.service}: {self.name}"
