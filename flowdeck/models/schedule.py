"""Schedules as the database knows them: how far each is planned, and who has paused it."""

from __future__ import annotations

from django.db import models

from flowdeck.models.user_name import LONGEST_USER_NAME


class Schedule(models.Model):
    """One schedule that some process has declared.

    ``expression`` and ``zone`` are those it is planned by: whoever declares others does not plan.
    ``last_nominal`` is the last nominal time that was planned. ``error`` is why the event of the
    next one could not be made.
    """

    name = models.CharField(max_length=50, primary_key=True)
    expression = models.CharField(max_length=200)
    zone = models.CharField(max_length=64)
    last_nominal = models.DateTimeField()
    paused_at = models.DateTimeField(null=True)
    paused_by = models.CharField(max_length=LONGEST_USER_NAME, default="")
    reason = models.CharField(max_length=300, default="")
    error = models.CharField(max_length=500, default="")

    def __str__(self) -> str:
        """Its name and when."""
        return f"{self.name}: {self.expression} ({self.zone})"
