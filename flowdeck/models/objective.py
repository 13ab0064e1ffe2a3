"""Objectives, and how many traces reached them in time."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Objective(models.Model):
    """``target`` percent of the traces that begin with one event reach another in time.

    ``position`` is up to where the log is judged; ``looked_at`` when that was. What is ``declared``
    in code is changed there.
    """

    name = models.CharField(max_length=80, unique=True)
    began_with = models.CharField(max_length=100)
    reaches = models.CharField(max_length=100)
    within = models.FloatField()
    target = models.FloatField()
    days = models.PositiveSmallIntegerField()
    declared = models.BooleanField(default=False)
    position = models.BigIntegerField(default=0)
    looked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        """Its name."""
        return self.name


class Reached(models.Model):
    """How many traces of an objective began in a stretch of time, and how many got there in time.

    ``at`` is when they began. Only those stand here whose time is over.
    """

    pk = models.CompositePrimaryKey("objective", "grain", "at")
    objective = models.BigIntegerField()
    grain = models.IntegerField()
    at = models.BigIntegerField()
    begun = models.BigIntegerField()
    reached = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "reached"

    def __str__(self) -> str:
        """How many of how many."""
        return f"{self.reached} of {self.begun}"
