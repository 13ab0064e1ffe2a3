"""What is shared by all workers of a processor that is limited, or has a breaker."""

from __future__ import annotations

from django.db import models


class FlowControl(models.Model):
    """One row for each such processor; whoever hands out a start locks it.

    ``next_at`` is when the next start is free, ``waits_until`` the last one that was handed out
    before its time, ``not_before`` until when there is no point in asking. ``recent`` are the last
    calls, a letter each, ``x`` for one that failed with ``error`` as the breaker counts it; it is
    open until ``open_until``, and then tried, after it has rested for ``rest`` seconds.
    ``visited`` is the group that had the last start.
    """

    processor = models.CharField(max_length=64, primary_key=True)
    next_at = models.DateTimeField(null=True)
    waits_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    recent = models.CharField(max_length=1_000, db_default="")
    error = models.CharField(max_length=200, db_default="")
    open_until = models.DateTimeField(null=True)
    rest = models.FloatField(null=True)
    visited = models.CharField(max_length=200, db_default="")

    def __str__(self) -> str:
        """Whose it is."""
        return self.processor


class FlowGroup(models.Model):
    """When the next start of one group of a processor is free whose starts are limited apart."""

    processor = models.CharField(max_length=64)
    grp = models.CharField(max_length=200)
    next_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["processor", "grp"], name="flowdeck_flow_of_group")
        ]

    def __str__(self) -> str:
        """Whose it is."""
        return f"{self.processor}: {self.grp}"
