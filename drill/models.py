"""What the witnesses write."""

from __future__ import annotations

from django.db import models


class Testimony(models.Model):
    """A witness has handled an event. No constraint forbids doing so twice: that is to be seen."""

    processor = models.CharField(max_length=64)
    stream = models.CharField(max_length=200)
    sequence = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "testimonies"

    def __str__(self) -> str:
        """Who saw what."""
        return f"{self.processor} handled {self.stream}#{self.sequence}"
