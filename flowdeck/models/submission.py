"""Forms that were sent: so that a second click, or a resend, does nothing again."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Submission(models.Model):
    """One form that acted. ``key`` is a digest of who sent what; ``answer`` is where it led to."""

    key = models.CharField(max_length=64, primary_key=True)
    answer = models.CharField(max_length=2000, default="")
    at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        """When, and where it led to."""
        return f"{self.at:%H:%M:%S} {self.answer}"
