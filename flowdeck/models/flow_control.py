"""What is shared by all workers of a processor that is limited, or has a breaker."""

from __future__ import annotations

from django.db import models

from flowdeck.declare.limits import Limits
from flowdeck.models.user_name import LONGEST_USER_NAME


class FlowControl(models.Model):
    """One row for each such processor; whoever hands out a start locks it.

    ``next_at`` is when the next start is free, ``waits_until`` the last one that was handed out
    before its time, ``not_before`` until when there is no point in asking. ``recent`` are the last
    calls, a letter each, ``x`` for one that failed with ``error`` as the breaker counts it; it is
    open until ``open_until``, and then tried, after it has rested for ``rest`` seconds.
    ``visited`` is the group that had the last start. From ``limits_set_at`` on the limits are those
    of the row, and not what the code says.
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
    limit_concurrent = models.PositiveIntegerField(null=True)
    limit_per = models.CharField(max_length=40, db_default="")
    limit_every = models.FloatField(null=True)
    limit_burst = models.PositiveIntegerField(db_default=1)
    limits_set_at = models.DateTimeField(null=True)
    limits_set_by = models.CharField(max_length=LONGEST_USER_NAME, db_default="")
    limits_reason = models.CharField(max_length=300, db_default="")

    def __str__(self) -> str:
        """Whose it is."""
        return self.processor

    def in_force(self, declared: Limits | None) -> Limits | None:
        """The limits that hold of those ``declared`` in the code: somebody may have set others."""
        if self.limits_set_at is None or declared is None:
            return declared
        return Limits(self.limit_concurrent, self.limit_per, self.limit_burst, declared.by)


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
